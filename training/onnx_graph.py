"""Writes an ONNX graph node by node."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSETS = {"": 21, "ai.onnx.ml": 3}
_IR_VERSION = 10  # the one that goes with opset 21

Array = np.ndarray[Any, Any]


class OnnxGraph:
    """A graph in the making: nodes are added in the order in which they run.

    Args:
        names: The names of the model's inputs and outputs, which nothing else may have.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._prefix = "_"
        names = list(names)
        while any(name.startswith(self._prefix) for name in names):
            self._prefix += "_"

    def add(
        self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output; return the output's name."""
        output = output or f"{self._prefix}{len(self._nodes)}_{operator}"
        node = helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def add_constant(self, values: Array) -> str:
        """Add a constant tensor, of text if the array holds objects; return its name."""
        name = f"{self._prefix}constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def to_model(
        self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
    ) -> ModelProto:
        """Finish the graph."""
        graph = helper.make_graph(self._nodes, "model", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="modelyard"
        )
