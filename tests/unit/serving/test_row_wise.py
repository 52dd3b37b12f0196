import dataclasses

import pytest

from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature
from serving.onnx_model import OnnxModel
from serving.row_wise import is_row_wise
from tests.unit.serving import graphs
from tests.unit.serving.graphs import ADDER, MIXED, PICKER, spec


@pytest.mark.parametrize(
    ("content", "signature"),
    [
        (graphs.adder(1), ADDER),
        (graphs.mixed(), MIXED),
        (graphs.picker(), PICKER),
        *(graphs.identity(datatype, -1, 2) for datatype in NUMPY_TYPES),
    ],
)
def test_rows_that_keep_to_themselves(content: bytes, signature: Signature) -> None:
    assert is_row_wise(OnnxModel(content, signature), signature)


@pytest.mark.parametrize(
    ("content", "signature"),
    [
        (graphs.less_mean(), ADDER),
        (graphs.running_sum(), ADDER),
        (graphs.picker(offset=2), PICKER),  # fails on the second row
        graphs.one_row_only(),
        graphs.identity("FP32", 1, 2),
        graphs.identity("FP32", 2, 2),
        graphs.identity("FP32", -1, -1),
        graphs.identity("FP32"),
    ],
)
def test_rows_that_can_t_share_a_run(content: bytes, signature: Signature) -> None:
    assert not is_row_wise(OnnxModel(content, signature), signature)


def test_what_training_saw_is_tried() -> None:
    index = dataclasses.replace(spec("index", "INT64", -1), minimum=1.0, maximum=2.0)
    signature = Signature((index,), PICKER.outputs)
    assert is_row_wise(OnnxModel(graphs.picker(), signature), signature)
    index = dataclasses.replace(index, maximum=1.0)
    signature = Signature((index,), PICKER.outputs)
    assert is_row_wise(OnnxModel(graphs.picker(), signature), signature)
