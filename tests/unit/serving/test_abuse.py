"""Requests as nobody should send them: each is answered, or refused by a domain error."""

import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.inference.v1 import inference_pb2 as pb
from registry.errors import DomainError
from registry.signature import Signature
from serving.errors import ModelRunFailed, TensorInvalid
from serving.input_rules import make_rules
from serving.policy import ServingPolicy
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from serving.tensors import read_inputs, read_layout
from tests.unit.serving import graphs
from tests.unit.serving.calls import infer, serve
from tests.unit.serving.graphs import MIXED, spec
from tests.unit.serving.store import Store

InputTensor = pb.ModelInferRequest.InferInputTensor
MEBIBYTE = 1 << 20
WIDE = Signature(
    (spec("x", "FP32", -1, -1), spec("text", "BYTES", -1, -1), spec("flag", "BOOL", -1, -1)), ()
)


@pytest.fixture
def policy() -> ServingPolicy:
    return ServingPolicy(input_elements=1000, retry_first_seconds=1000)


def good() -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="m", id="7")
    for one in MIXED.inputs:
        message.inputs.add(name=one.name, datatype=one.datatype, shape=[2, 1])
    message.raw_input_contents.extend(
        [b"\0\0\x80\x3f" * 2, struct.pack("<qq", 1, -1), b"\1\0\0\0a\2\0\0\0bc"]
    )
    return message


@pytest.mark.parametrize(
    ("shape", "raw"),
    [
        ([2**63 - 1, 2**63 - 1], b""),
        ([2**32, 2**32], b""),
        ([2**61, 8], b""),
        ([4, 2**62], bytes(16)),
        ([10**6, 1], b""),
        ([1, 10**9], b""),
        ([-1, 1], bytes(4)),
        ([-(2**63), 1], b""),
        ([-1, -1], bytes(4)),
        ([0, 0], b""),
        ([0, 2**63 - 1], b""),
        ([1] * 100_000, bytes(4)),
        ([], bytes(4)),
    ],
)
@pytest.mark.parametrize("name", ["x", "text", "flag"])
def test_a_shape_takes_no_memory_before_its_elements_are_there(
    name: str, shape: list[int], raw: bytes
) -> None:
    (wanted,) = (one for one in WIDE.inputs if one.name == name)
    tensor = InputTensor(name=name, datatype=wanted.datatype, shape=shape)
    rules = make_rules(Signature((wanted,), ()))
    tracemalloc.start()
    with pytest.raises(TensorInvalid) as caught:
        read_inputs(read_layout([tensor], rules, 1000), [raw])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MEBIBYTE
    assert name in caught.value.message or caught.value.field == "inputs"
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xff\xff\xff",
        b"\xff\xff\xff\x7f" + bytes(100),
        b"\2\0\0\0a\1\0\0\0",
        b"\0\0\0\0\xfe\xff\xff\xff",
        b"\1\0\0\0a\0\0\0\0\0",
        b"\1\0\0\0a\1\0\0",
        b"",
        b"\1",
    ],
)
def test_lengths_of_texts_that_lie_take_no_memory(raw: bytes) -> None:
    signature = Signature((spec("text", "BYTES", -1),), ())
    tensor = InputTensor(name="text", datatype="BYTES", shape=[2])
    layout = read_layout([tensor], make_rules(signature), 1000)
    tracemalloc.start()
    with pytest.raises(TensorInvalid, match="text"):
        read_inputs(layout, [raw])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEBIBYTE


def double_an_input(message: pb.ModelInferRequest) -> None:
    message.inputs.append(message.inputs[0])
    message.raw_input_contents.append(message.raw_input_contents[0])


def send_a_million_inputs(message: pb.ModelInferRequest) -> None:
    message.inputs.extend([InputTensor(name="hat")] * 100_000)


def mix_contents_with_raw(message: pb.ModelInferRequest) -> None:
    message.inputs[0].contents.fp32_contents.extend([1, 2])


def send_half_as_contents(message: pb.ModelInferRequest) -> None:
    mix_contents_with_raw(message)
    del message.raw_input_contents[0]


def share_memory(message: pb.ModelInferRequest) -> None:
    message.inputs[2].parameters["shared_memory_region"].string_param = "/etc/passwd"


def ask_for_too_many(message: pb.ModelInferRequest) -> None:
    for tensor in message.inputs:
        tensor.shape[0] = 1_000_000


ABUSES: dict[str, tuple[Callable[[pb.ModelInferRequest], object], str]] = {
    "input twice": (double_an_input, "length"),
    "unknown inputs": (send_a_million_inputs, "hat"),
    "contents and raw": (mix_contents_with_raw, "length"),
    "some contents, some raw": (send_half_as_contents, "raw_input_contents"),
    "unknown output": (lambda m: m.outputs.add(name="hat"), "hat"),
    "output twice": (lambda m: [m.outputs.add(name="sum") for _ in range(2)], "sum"),
    "wrong type": (lambda m: setattr(m.inputs[1], "datatype", "INT32"), "count"),
    "no type": (lambda m: m.inputs[1].ClearField("datatype"), "count"),
    "empty batch": (lambda m: m.inputs[0].shape.__setitem__(0, 0), "length"),
    "other batch": (lambda m: m.inputs[2].shape.__setitem__(0, 3), "island"),
    "too many rows": (ask_for_too_many, "inputs"),
    "shared memory": (share_memory, "island"),
    "no inputs": (lambda m: m.ClearField("inputs"), "length"),
    "no elements": (lambda m: m.ClearField("raw_input_contents"), "length"),
    "an entry too many": (lambda m: m.raw_input_contents.append(b""), "raw_input_contents"),
    "half an element": (lambda m: m.raw_input_contents.__setitem__(1, bytes(15)), "count"),
    "no text": (lambda m: m.raw_input_contents.__setitem__(2, b"\1\0\0\0\xff" * 2), "island"),
    "reserved": (lambda m: m.parameters["triton_x"].Clear(), "triton_x"),
    "timeout": (lambda m: m.parameters["timeout"].Clear(), "timeout"),
    "labels of text": (
        lambda m: setattr(
            m.outputs.add(name="label").parameters["classification"], "int64_param", 1
        ),
        "label",
    ),
}


@pytest.mark.parametrize("abuse", ABUSES)
async def test_abuse_is_refused_with_the_tensor_s_name(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer, abuse: str
) -> None:
    await serve(store, reconciler, graphs.mixed(), MIXED)
    change, name = ABUSES[abuse]
    await infer(servicer, good())
    message = good()
    change(message)
    with pytest.raises(TensorInvalid) as caught:
        await infer(servicer, message)
    assert caught.value.field
    assert name in caught.value.field + caught.value.message
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e-45])
async def test_every_float_is_legal(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer, number: float
) -> None:
    await serve(store, reconciler, graphs.mixed(), MIXED)
    message = good()
    message.raw_input_contents[0] = struct.pack("<ff", number, number)
    response = await infer(servicer, message)
    assert len(response.raw_output_contents[1]) == 8


NAMES = st.sampled_from([*(one.name for one in MIXED.inputs), "label", "sum", "", "hat", "x" * 999])
PARAMETERS = st.dictionaries(
    st.sampled_from(
        ["timeout", "priority", "classification", "sequence_id", "headers", "triton_x", "free"]
    ),
    st.one_of(
        st.builds(pb.InferParameter),
        st.builds(pb.InferParameter, bool_param=st.booleans()),
        st.builds(pb.InferParameter, int64_param=st.integers(-(2**63), 2**63 - 1)),
        st.builds(pb.InferParameter, string_param=st.text(max_size=5)),
        st.builds(pb.InferParameter, double_param=st.floats()),
        st.builds(pb.InferParameter, uint64_param=st.integers(0, 2**64 - 1)),
    ),
    max_size=3,
)
CONTENTS = st.builds(
    pb.InferTensorContents,
    bool_contents=st.lists(st.booleans(), max_size=2),
    int_contents=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=2),
    int64_contents=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    fp32_contents=st.lists(st.floats(width=32), max_size=3),
    bytes_contents=st.lists(st.binary(max_size=4), max_size=3),
)
SHAPES = st.lists(
    st.one_of(st.integers(-2, 4), st.sampled_from([2**31, 2**62, 2**63 - 1, -(2**63)])),
    max_size=4,
)
INPUTS = st.builds(
    InputTensor,
    name=NAMES,
    datatype=st.sampled_from(["FP32", "INT64", "BYTES", "BF16", "fp32", ""]),
    shape=SHAPES,
    parameters=PARAMETERS,
    contents=st.none() | CONTENTS,
)
OUTPUTS = st.builds(
    pb.ModelInferRequest.InferRequestedOutputTensor, name=NAMES, parameters=PARAMETERS
)
RAW = st.one_of(st.binary(max_size=24), st.sampled_from([bytes(8), bytes(16)]))


@st.composite
def spoilt(draw: st.DrawFn) -> pb.ModelInferRequest:
    """Take a good request and replace some of its parts."""
    message = good()
    for index in range(3):
        if draw(st.booleans()):
            message.inputs[index].shape[:] = draw(SHAPES)
        if draw(st.integers(0, 3)) == 0:
            message.inputs[index].CopyFrom(draw(INPUTS))
        if draw(st.integers(0, 3)) == 0:
            message.raw_input_contents[index] = draw(RAW)
    message.outputs.extend(draw(st.lists(OUTPUTS, max_size=2)))
    for name, value in draw(PARAMETERS).items():
        message.parameters[name].CopyFrom(value)
    if draw(st.integers(0, 4)) == 0:
        message.ClearField("raw_input_contents")
    if draw(st.integers(0, 9)) == 0:
        message.model_version = draw(st.text(max_size=4) | st.sampled_from(["7", "0", "9" * 40]))
    return message


@pytest.fixture
async def mixed(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> InferenceServicer:
    await serve(store, reconciler, graphs.mixed(), MIXED)
    return servicer


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=spoilt())
async def test_whatever_comes_is_answered_or_refused(
    mixed: InferenceServicer, message: pb.ModelInferRequest
) -> None:
    refusal = response = None
    try:
        response = await infer(mixed, message)
    except DomainError as error:
        refusal = error
    assert not isinstance(refusal, ModelRunFailed)
    if response:
        assert response.id == message.id
        assert len(response.outputs) == len(response.raw_output_contents) > 0
    else:
        assert refusal
        assert refusal.message
