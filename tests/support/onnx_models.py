"""Small ONNX models, made by hand."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = [helper.make_opsetid("", 21)]


def double_model(x: str = "x", outputs: tuple[str, ...] = ("y",)) -> bytes:
    """Make `y = 2 * x` over floats of shape [-1, 3]."""
    graph = helper.make_graph(
        [helper.make_node("Mul", [x, "two"], ["y"])],
        "double",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info(y, TensorProto.FLOAT, [None, 3]) for y in outputs],
        [numpy_helper.from_array(np.array([2.0], dtype=np.float32), "two")],
    )
    return finish(graph)


def wide_model(columns: int) -> bytes:
    """Make `y = x @ w` with a square of weights."""
    weights = np.random.default_rng(0).normal(size=(columns, columns)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    return finish(graph)


def sequence_model() -> bytes:
    """Make a model whose output is a sequence, which no server can send."""
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["s"])],
        "sequence",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)],
    )
    return finish(graph)


def external_model(*, nested: bool = False) -> bytes:
    """Make a model that refers to a file of weights, in the main graph or in a branch."""
    weight = numpy_helper.from_array(np.array([2.0], dtype=np.float32), "two")
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../../etc/passwd")
    if not nested:
        graph = helper.make_graph(
            [helper.make_node("Mul", ["x", "two"], ["y"])],
            "external",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
            [weight],
        )
        return finish(graph)
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=weight)],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
        "nested",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    return finish(graph)


def hidden_external_model() -> bytes:
    """Make a model with a branch that is nothing but a weight, and that in another file."""
    weight = TensorProto(name="b", dims=[12], data_type=TensorProto.UINT8)
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="request.json")
    weight.external_data.add(key="length", value="12")
    output = helper.make_tensor_value_info("b", TensorProto.UINT8, [12])
    branch = helper.make_graph([], "branch", [], [output], [weight])
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
        "hidden",
        [helper.make_tensor_value_info("c", TensorProto.BOOL, [1])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [12])],
    )
    return finish(graph)


def column_model(factor: float, *, double: bool = False) -> bytes:
    """Make `y = factor * x` over one column, of floats or of doubles."""
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    weight = np.array([factor], dtype=np.float64 if double else np.float32)
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "column",
        [helper.make_tensor_value_info("x", kind, [None, 1])],
        [helper.make_tensor_value_info("y", kind, [None, 1])],
        [numpy_helper.from_array(weight, "factor")],
    )
    return finish(graph)


def finish(graph: onnx.GraphProto) -> bytes:
    """Make a model file of a graph."""
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=10)
    return bytes(model.SerializeToString())
