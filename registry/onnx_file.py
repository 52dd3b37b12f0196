"""Whether a file is an ONNX model that may be loaded at all; only a child process asks."""

from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from registry.reports import Fault


class Refused(Exception):
    """The version is not fit to be served.

    Args:
        reason: For programs.
        message: For people; what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(reason, message)


def check_graph(content: bytes) -> int:
    """Check a model file without running it.

    Returns:
        How many nodes its graph has, those of subgraphs not counted.

    Raises:
        Refused: It is none, is not well formed, or keeps weights elsewhere.
    """
    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise Refused("NOT_ONNX", "model.onnx is not an ONNX file") from error
    if any(_tensor_is_external(tensor) for tensor in _all_tensors(model)):
        raise Refused(
            "EXTERNAL_DATA",
            "model.onnx keeps weights in other files, which are not read; save it as one file"
            " (onnx.save_model with save_as_external_data=False) and push it again",
        )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refused("INVALID_GRAPH", f"the ONNX checker says: {first_line(error)}") from error
    return len(model.graph.node)


def _tensor_is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data)


def _all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Walk every tensor of a model: weights, constants, subgraphs, functions."""
    graphs: list[Any] = [model.graph]
    nodes: list[onnx.NodeProto] = [node for function in model.functions for node in function.node]
    graphs.extend(info.algorithm for info in model.training_info)
    graphs.extend(info.initialization for info in model.training_info)
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
            continue
        for attribute in nodes.pop().attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            # A subgraph may be nothing but weights: an attribute has one or it has none.
            graphs.extend([attribute.g] if attribute.HasField("g") else [])
            graphs.extend(attribute.graphs)


def first_line(error: Exception) -> str:
    """Take what a person can use of a library's message: one line, no path of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
