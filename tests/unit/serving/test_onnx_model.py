import dataclasses
import sys

import numpy as np
import pytest

from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature
from serving.errors import ModelNotServable, ModelRunFailed
from serving.loaded import LoadedVersion
from serving.onnx_model import OnnxModel, make_rows
from tests.unit.serving import graphs
from tests.unit.serving.graphs import ADDER, MIXED, PICKER, spec


def test_outputs_come_in_the_order_asked_for() -> None:
    model = OnnxModel(graphs.mixed(), MIXED)
    feeds = {
        "length": np.array([[1.5], [2]], np.float32),
        "count": np.array([[1], [2]]),
        "island": np.array([["Dream"], ["Bäume\0"]], object),
    }
    total, label = model.run(feeds, ["sum", "label"])
    assert total.tolist() == [[2.5], [4.0]]
    assert label.tolist() == [["Dream"], ["Bäume\0"]]


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_every_datatype_loads_and_runs(datatype: str) -> None:
    content, signature = graphs.identity(datatype, -1, 2)
    model = OnnxModel(content, signature)
    rows = make_rows(signature, 3)
    (answer,) = model.run(rows, ["y"])
    assert answer.shape == (3, 2)
    assert (answer == rows["x"]).all()


def test_a_failing_run_keeps_its_cause_to_itself() -> None:
    model = OnnxModel(graphs.picker(), PICKER)
    with pytest.raises(ModelRunFailed) as caught:
        model.run({"index": np.array([99])}, ["y"])
    assert "99" not in caught.value.message
    assert "99" in str(caught.value.__cause__)


@pytest.mark.parametrize("content", [b"", b"garbage", graphs.adder(1)[:-9]])
def test_garbage_is_refused(content: bytes) -> None:
    with pytest.raises(ModelNotServable, match="can't load"):
        OnnxModel(content, ADDER)


@pytest.mark.parametrize(
    "signature",
    [
        Signature((), ADDER.outputs),
        Signature((spec("z", "FP32", -1, 1),), ADDER.outputs),
        Signature((spec("x", "FP64", -1, 1),), ADDER.outputs),
        Signature(ADDER.inputs, (spec("y", "FP32", -1, 2),)),
        Signature(ADDER.inputs, (spec("y", "FP32", -1),)),
    ],
)
def test_another_signature_is_refused(signature: Signature) -> None:
    with pytest.raises(ModelNotServable, match="its signature"):
        OnnxModel(graphs.adder(1), signature)


def test_what_training_saw_does_not_matter_to_the_file() -> None:
    (feature,) = ADDER.inputs
    rich = Signature((dataclasses.replace(feature, minimum=2.0),), ADDER.outputs)
    OnnxModel(graphs.adder(1), rich)
    assert make_rows(rich, 1)["x"].tolist() == [[2.0]]


def test_a_sequence_is_refused() -> None:
    with pytest.raises(ModelNotServable, match="only plain tensors"):
        OnnxModel(graphs.sequence_output(), ADDER)


def test_a_model_that_fails_on_its_first_row_is_refused() -> None:
    with pytest.raises(ModelNotServable, match="fails on the row"):
        OnnxModel(graphs.picker(offset=50), PICKER)


def test_the_first_category_is_tried() -> None:
    feature = dataclasses.replace(spec("x", "BYTES", -1, 1), categories=("Dream", "Biscoe"))
    assert make_rows(Signature((feature,), ()), 2)["x"].tolist() == [["Dream"], ["Dream"]]


def test_slow_models_and_big_batches_are_not_quick() -> None:
    slow = LoadedVersion(graphs.version_of(b""), OnnxModel(graphs.slow(), ADDER))
    assert not slow.is_quick(1)
    quick = LoadedVersion(graphs.version_of(b""), OnnxModel(graphs.adder(1), ADDER))
    assert quick.is_quick(1)
    assert not quick.is_quick(10**8)


def test_a_fixed_batch_is_measured_by_one_run() -> None:
    content, signature = graphs.identity("FP32", 1, 4)
    assert OnnxModel(content, signature).seconds_per_row == 0


def test_a_graph_that_takes_one_row_only_is_loaded() -> None:
    content, signature = graphs.one_row_only()
    model = OnnxModel(content, signature)
    assert model.seconds_per_row == 0
    with pytest.raises(ModelRunFailed):
        model.run(make_rows(signature, 2), ["y"])


def test_the_file_is_not_kept_beside_the_model() -> None:
    content = graphs.adder(1)
    before = sys.getrefcount(content)
    model = OnnxModel(content, graphs.ADDER)
    assert sys.getrefcount(content) == before
    assert model.seconds_per_run > 0
