"""Small ONNX models, built by hand, and the signatures they have."""

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper

from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature, TensorSpec
from serving.elements import Array
from serving.snapshot import ServableVersion

ELEMENT_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
assert ELEMENT_TYPES.keys() == NUMPY_TYPES.keys()

_OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]


def spec(name: str, datatype: str, *shape: int) -> TensorSpec:
    return TensorSpec(name, datatype, shape)


def build(
    nodes: list[onnx.NodeProto],
    signature: Signature,
    weights: list[onnx.TensorProto] | None = None,
) -> bytes:
    def info(tensor: TensorSpec) -> onnx.ValueInfoProto:
        lengths = [f"N{i}" if n < 0 else n for i, n in enumerate(tensor.shape)]
        return helper.make_tensor_value_info(tensor.name, ELEMENT_TYPES[tensor.datatype], lengths)

    inputs, outputs = map(info, signature.inputs), map(info, signature.outputs)
    graph = helper.make_graph(nodes, "g", list(inputs), list(outputs), weights or [])
    model = helper.make_model(graph, opset_imports=_OPSETS, ir_version=9)
    return bytes(model.SerializeToString())


def weight(name: str, datatype: str, values: Array) -> onnx.TensorProto:
    return helper.make_tensor(
        name, ELEMENT_TYPES[datatype], values.shape, values.ravel().astype(NUMPY_TYPES[datatype])
    )


ADDER = Signature((spec("x", "FP32", -1, 1),), (spec("y", "FP32", -1, 1),))


def adder(amount: float) -> bytes:
    """Answer x + amount: who answered can be told from the answer."""
    nodes = [helper.make_node("Add", ["x", "amount"], ["y"])]
    return build(nodes, ADDER, [weight("amount", "FP32", np.array([amount]))])


def identity(datatype: str, *shape: int) -> tuple[bytes, Signature]:
    signature = Signature((spec("x", datatype, *shape),), (spec("y", datatype, *shape),))
    return build([helper.make_node("Identity", ["x"], ["y"])], signature), signature


MIXED = Signature(
    (spec("length", "FP32", -1, 1), spec("count", "INT64", -1, 1), spec("island", "BYTES", -1, 1)),
    (spec("label", "BYTES", -1, 1), spec("sum", "FP32", -1, 1)),
)


def mixed() -> bytes:
    """Answer island as label, and length + count."""
    nodes = [
        helper.make_node("Identity", ["island"], ["label"]),
        helper.make_node("Cast", ["count"], ["count_float"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["length", "count_float"], ["sum"]),
    ]
    return build(nodes, MIXED)


PICKER = Signature((spec("index", "INT64", -1),), (spec("y", "FP32", -1),))


def picker(offset: int = 0) -> bytes:
    """Answer one of three weights; any other index fails while the model runs."""
    nodes = [
        helper.make_node("Add", ["index", "offset"], ["at"]),
        helper.make_node("Gather", ["weights", "at"], ["y"]),
    ]
    weights = [
        weight("offset", "INT64", np.array([offset])),
        weight("weights", "FP32", np.array([1.0, 2.0, 3.0])),
    ]
    return build(nodes, PICKER, weights)


def slow() -> bytes:
    """Add nothing, by way of multiplications that take many milliseconds a run."""
    square = weight("square", "FP32", np.zeros((700, 700)))
    nodes, last = [], "square"
    for step in range(30):
        # A weight that depends on the input, or the graph would be folded to a constant.
        nodes.append(helper.make_node("Add", [last, "corner"], [f"a{step}"]))
        nodes.append(helper.make_node("MatMul", [f"a{step}", "square"], [f"m{step}"]))
        last = f"m{step}"
    first = helper.make_node("ReduceSum", ["x"], ["corner"], keepdims=0)
    ending = [
        helper.make_node("ReduceSum", [last], ["nothing"], keepdims=0),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    return build([first, *nodes, *ending], ADDER, [square])


def sequence_output() -> bytes:
    """Answer a sequence of tensors, which can't be served."""
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
    )
    return bytes(helper.make_model(graph, opset_imports=_OPSETS, ir_version=9).SerializeToString())


def version_of(
    content: bytes, number: int = 1, signature: Signature = ADDER, model_id: str = "m"
) -> ServableVersion:
    digest = hashlib.sha256(content).hexdigest()
    return ServableVersion(model_id, number, digest, len(content), signature)


def one_row_only() -> tuple[bytes, Signature]:
    """Say any number of rows, and fail on more than one."""
    signature = Signature((spec("x", "FP32", -1, 2),), (spec("y", "FP32", 1, 2),))
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    return build(nodes, signature, [weight("shape", "INT64", np.array([1, 2]))]), signature


def less_mean() -> bytes:
    """Answer x less the mean of the batch: rows have a part in each other's answers."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return build(nodes, ADDER)


def running_sum() -> bytes:
    """Answer the sum of the batch so far."""
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["y"])]
    return build(nodes, ADDER, [weight("axis", "INT64", np.array(0))])


def only_positive() -> bytes:
    """Answer the rows of x that are not negative, and no others."""
    nodes = [
        helper.make_node("GreaterOrEqual", ["x", "zero"], ["kept"]),
        helper.make_node("Squeeze", ["kept", "axis"], ["rows"]),
        helper.make_node("Compress", ["x", "rows"], ["y"], axis=0),
    ]
    weights = [
        weight("zero", "FP32", np.array([0.0])),
        weight("axis", "INT64", np.array([1])),
    ]
    return build(nodes, ADDER, weights)


def mixed_without_length() -> bytes:
    """Answer as `mixed` does, without a length."""
    signature = Signature((MIXED.inputs[2], MIXED.inputs[1]), MIXED.outputs)
    nodes = [
        helper.make_node("Identity", ["island"], ["label"]),
        helper.make_node("Cast", ["count"], ["sum"], to=TensorProto.FLOAT),
    ]
    return build(nodes, signature)


def sum_of(first: str, second: str) -> bytes:
    """Answer the sum of two numbers."""
    inputs = (spec(first, "FP32", -1, 1), spec(second, "FP32", -1, 1))
    return build(
        [helper.make_node("Add", [first, second], ["y"])], Signature(inputs, ADDER.outputs)
    )
