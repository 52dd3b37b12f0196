from typing import Any

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature
from serving.elements import Array
from serving.errors import TensorInvalid
from serving.input_rules import make_rules
from serving.messages import write_answer
from serving.tensors import read_inputs, read_layout
from tests.unit.serving.graphs import MIXED, identity, spec, version_of
from tests.unit.serving.refused import refused

InputTensor = pb.ModelInferRequest.InferInputTensor
RequestedOutput = pb.ModelInferRequest.InferRequestedOutputTensor
Contents = pb.InferTensorContents

LENGTH = InputTensor(name="length", datatype="FP32", shape=[2, 1])
COUNT = InputTensor(name="count", datatype="INT64", shape=[2, 1])
ISLAND = InputTensor(name="island", datatype="BYTES", shape=[2, 1])
GOOD = [LENGTH, COUNT, ISLAND]
RAW = [b"\0\0\x80\x3f" * 2, b"\7" + b"\0" * 15, b"\1\0\0\0a\2\0\0\0bc"]


def read(
    tensors: list[InputTensor], raw: list[bytes], signature: Signature = MIXED, most: int = 100
) -> dict[str, Array]:
    layout = read_layout(tensors, make_rules(signature), most)
    return read_inputs(layout, raw)


def changed(tensor: InputTensor, **changes: Any) -> InputTensor:
    copy = InputTensor()
    copy.CopyFrom(tensor)
    for name, value in changes.items():
        if name == "shape":
            copy.shape[:] = value
        elif name == "parameter":
            copy.parameters[value].string_param = "x"
        elif name == "contents":
            copy.contents.CopyFrom(value)
        else:
            setattr(copy, name, value)
    return copy


def test_raw_elements_in_any_order_of_inputs() -> None:
    feeds = read([ISLAND, LENGTH, COUNT], [RAW[2], RAW[0], RAW[1]])
    assert feeds["length"].tolist() == [[1.0], [1.0]]
    assert feeds["count"].tolist() == [[7], [0]]
    assert feeds["island"].tolist() == [["a"], ["bc"]]
    assert [feeds[n].dtype for n in ("length", "count", "island")] == [
        np.float32,
        np.int64,
        np.object_,
    ]


def test_typed_elements() -> None:
    feeds = read(
        [
            changed(LENGTH, contents=Contents(fp32_contents=[1.5, float("nan")])),
            changed(COUNT, contents=Contents(int64_contents=[-(2**63), 2**63 - 1])),
            changed(ISLAND, contents=Contents(bytes_contents=["é".encode(), b""])),
        ],
        [],
    )
    assert feeds["length"].tolist()[0] == [1.5]
    assert np.isnan(feeds["length"][1, 0])
    assert feeds["count"].tolist() == [[-(2**63)], [2**63 - 1]]
    assert feeds["island"].tolist() == [["é"], [""]]


CONTENTS = {
    "BOOL": Contents(bool_contents=[True, False]),
    "INT8": Contents(int_contents=[-128, 127]),
    "INT16": Contents(int_contents=[-(2**15), 2**15 - 1]),
    "INT32": Contents(int_contents=[-(2**31), 2**31 - 1]),
    "INT64": Contents(int64_contents=[-(2**63), 1]),
    "UINT8": Contents(uint_contents=[0, 255]),
    "UINT16": Contents(uint_contents=[0, 2**16 - 1]),
    "UINT32": Contents(uint_contents=[0, 2**32 - 1]),
    "UINT64": Contents(uint64_contents=[0, 2**64 - 1]),
    "FP32": Contents(fp32_contents=[0.5, -1]),
    "FP64": Contents(fp64_contents=[0.1, 1e300]),
    "BYTES": Contents(bytes_contents=[b"a", b"b"]),
}


@pytest.mark.parametrize("datatype", CONTENTS)
def test_typed_and_raw_forms_mean_the_same(datatype: str) -> None:
    signature = identity(datatype, -1)[1]
    tensor = InputTensor(name="x", datatype=datatype, shape=[2], contents=CONTENTS[datatype])
    typed = read([tensor], [], signature)["x"]
    assert typed.dtype == NUMPY_TYPES[datatype]
    answer = write_answer(version_of(b""), ["x"], {"x": datatype}, [typed])
    tensor.ClearField("contents")
    raw = read([tensor], list(answer.raw_output_contents), signature)["x"]
    assert raw.tolist() == typed.tolist()
    ((_, listed),) = CONTENTS[datatype].ListFields()
    plain = [v.decode() if isinstance(v, bytes) else v for v in listed]
    assert typed.tolist() == plain


def test_half_precision_has_no_typed_form() -> None:
    signature = identity("FP16", -1)[1]
    tensor = InputTensor(name="x", datatype="FP16", shape=[1])
    assert read([tensor], [b"\0\x3c"], signature)["x"].tolist() == [1.0]
    tensor.contents.fp32_contents.append(1)
    with refused('inputs["x"].contents', "FP16", "only raw_input_contents"):
        read([tensor], [], signature)


@pytest.mark.parametrize(
    ("tensors", "field", "words"),
    [
        ([], 'inputs["length"]', ["length", "count", "island", "missing"]),
        ([LENGTH, ISLAND], 'inputs["count"]', ["'count'", "missing"]),
        ([*GOOD, LENGTH], 'inputs["length"]', ["twice"]),
        ([*GOOD, changed(LENGTH, name="hat")], 'inputs["hat"]', ["'hat'", "unknown", "island"]),
        ([changed(LENGTH, datatype="FP64")], 'inputs["length"].datatype', ["FP32", "'FP64'"]),
        ([changed(LENGTH, datatype="BF16")], 'inputs["length"].datatype', ["FP32", "'BF16'"]),
        ([changed(LENGTH, datatype="")], 'inputs["length"].datatype', ["FP32", "''"]),
        ([changed(LENGTH, shape=[2])], 'inputs["length"].shape', ["[-1, 1]", "[2]"]),
        ([changed(LENGTH, shape=[])], 'inputs["length"].shape', ["[-1, 1]", "[]"]),
        ([changed(LENGTH, shape=[2, 2])], 'inputs["length"].shape', ["[2, 2]"]),
        ([changed(LENGTH, shape=[0, 1])], 'inputs["length"].shape', ["from 1", "[0, 1]"]),
        ([changed(LENGTH, shape=[-1, 1])], 'inputs["length"].shape', ["has [-1, 1]"]),
        ([changed(LENGTH, shape=[1] * 10**5)], 'inputs["length"].shape', ["1, 1]..."]),
        ([LENGTH, changed(COUNT, shape=[3, 1])], 'inputs["count"].shape', ["3 rows", "2"]),
        (
            [changed(t, shape=[2**62, 1]) for t in GOOD],
            "inputs",
            [str(3 * 2**62), "100", "fewer rows"],
        ),
        (
            [changed(LENGTH, parameter="shared_memory_region")],
            'inputs["length"].parameters["shared_memory_region"]',
            ["no shared memory", "raw_input_contents"],
        ),
    ],
)
def test_inputs_that_do_not_fit(tensors: list[InputTensor], field: str, words: list[str]) -> None:
    with refused(field, *words):
        read_layout(tensors, make_rules(MIXED), 100)


def test_a_message_stays_small_for_a_wide_model() -> None:
    wide = Signature(tuple(spec(f"column_{i}", "FP32", -1, 1) for i in range(5000)), ())
    with pytest.raises(TensorInvalid, match="'column_0', 'column_1', ") as caught:
        read_layout([], make_rules(wide), 100)
    assert len(caught.value.message) < 1000


def test_free_parameters_of_inputs_are_ignored() -> None:
    layout = read_layout([changed(t, parameter="hint") for t in GOOD], make_rules(MIXED), 100)
    assert layout.rows == 2


def test_a_product_beyond_64_bits_is_refused() -> None:
    signature = Signature((spec("x", "FP32", -1, -1, -1),), ())
    tensor = InputTensor(name="x", datatype="FP32", shape=[2**62, 2**62, 2**62])
    with refused("inputs", str(2**186)):
        read([tensor], [b""], signature)


def test_the_limit_counts_all_inputs_and_spares_one_row() -> None:
    most = 300
    signature = Signature((spec("x", "UINT8", -1, 200), spec("y", "UINT8", -1, 200)), ())
    tensors = [InputTensor(name=n, datatype="UINT8", shape=[1, 200]) for n in ("x", "y")]
    assert read_layout(tensors, make_rules(signature), most).rows == 1
    for tensor in tensors:
        tensor.shape[0] = 2
    with refused("inputs", "800", "300"):
        read_layout(tensors, make_rules(signature), most)


def test_rows_count_every_free_dimension() -> None:
    signature = Signature((spec("x", "UINT8", 1, -1), spec("scale", "FP32")), ())
    tensors = [
        InputTensor(name="x", datatype="UINT8", shape=[1, 50]),
        InputTensor(name="scale", datatype="FP32", shape=[]),
    ]
    layout = read_layout(tensors, make_rules(signature), 100)
    assert layout.rows == 50
    feeds = read_inputs(layout, [bytes(50), b"\0\0\0\x40"])
    assert feeds["scale"].shape == ()
    assert feeds["scale"] == 2.0


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        (RAW[:2], "raw_input_contents", ["2 entries", "3 inputs"]),
        ([*RAW, b""], "raw_input_contents", ["4 entries"]),
        ([RAW[0] + b"\0", *RAW[1:]], "raw_input_contents[0]", ["'length'", "[2, 1]", "9 bytes"]),
        ([RAW[0], b"", RAW[2]], "raw_input_contents[1]", ["'count'", "INT64", "are 16"]),
        ([*RAW[:2], RAW[2][:-1]], "raw_input_contents[2]", ["'island'", "ends inside element 1"]),
        ([*RAW[:2], RAW[2][:-1] + b"\xff"], "raw_input_contents[2]", ["not UTF-8"]),
    ],
)
def test_raw_elements_that_do_not_fit(raw: list[bytes], field: str, words: list[str]) -> None:
    with refused(field, *words):
        read(GOOD, raw)


def test_contents_and_raw_do_not_mix() -> None:
    both = changed(COUNT, contents=Contents(int64_contents=[1, 2]))
    with refused('inputs["count"].contents', "one of the two"):
        read([LENGTH, both, ISLAND], RAW)
    with refused('inputs["count"].contents', "one of the two"):
        read([LENGTH, changed(COUNT, contents=Contents()), ISLAND], RAW)


@pytest.mark.parametrize(
    ("contents", "field", "words"),
    [
        (None, 'inputs["x"].contents', ["2 elements", "int_contents", "neither"]),
        (Contents(), 'inputs["x"].contents', ["neither"]),
        (Contents(fp32_contents=[1, 2]), 'inputs["x"].contents', ["['fp32_contents']"]),
        (
            Contents(int_contents=[1, 2], int64_contents=[1, 2]),
            'inputs["x"].contents',
            ["'int_contents', 'int64_contents'"],
        ),
        (Contents(int_contents=[1]), 'inputs["x"].contents.int_contents', ["has 1 elements", "2"]),
        (Contents(int_contents=[1, 999]), 'inputs["x"].contents.int_contents', ["999", "INT8"]),
    ],
)
def test_typed_elements_that_do_not_fit(
    contents: pb.InferTensorContents | None, field: str, words: list[str]
) -> None:
    tensor = InputTensor(name="x", datatype="INT8", shape=[2], contents=contents)
    with refused(field, *words):
        read([tensor], [], identity("INT8", -1)[1])


def test_typed_texts_are_utf_8() -> None:
    tensor = InputTensor(name="x", datatype="BYTES", shape=[2])
    tensor.contents.bytes_contents.extend([b"a", b"\xff"])
    with refused('inputs["x"].contents.bytes_contents', "element 1", "UTF-8"):
        read([tensor], [], identity("BYTES", -1)[1])
