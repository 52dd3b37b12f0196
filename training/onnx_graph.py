"""Writes an ONNX graph node by node, nothing twice.

A node or a constant that is there already is used again: what several targets or several steps
share is computed once. Of graphs written so, ONNX Runtime's own optimizer removes nothing more.
"""

import hashlib
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
        self._found: dict[bytes, str] = {}
        self._prefix = "_"
        names = list(names)
        while any(name.startswith(self._prefix) for name in names):
            self._prefix += "_"

    def add(
        self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output, unless one that computes the same is there.

        Args:
            operator: What the node does.
            inputs: The names of what goes in.
            domain: The operator's domain.
            output: The name of one of the model's outputs; empty makes up a name.
            attributes: The operator's.

        Returns:
            The name of the node's output.
        """
        node = helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        if output:
            self._nodes.append(node)
            return output
        name = f"{self._prefix}{len(self._nodes)}_{operator}"
        found = self._find(node, name)
        if found == name:
            node.output[0] = name
            self._nodes.append(node)
        return found

    def add_constant(self, values: Array) -> str:
        """Add a constant tensor, of text if the array holds objects; return its name."""
        tensor = numpy_helper.from_array(values)
        name = f"{self._prefix}constant_{len(self._constants)}"
        found = self._find(tensor, name)
        if found == name:
            tensor.name = name
            self._constants.append(tensor)
        return found

    def _find(self, nameless: NodeProto | TensorProto, name: str) -> str:
        """Return the name of the same as this, which is added under the name if it is new."""
        content = nameless.SerializeToString(deterministic=True)
        key = hashlib.sha256(type(nameless).__name__.encode() + content).digest()
        return self._found.setdefault(key, name)

    def to_model(
        self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
    ) -> ModelProto:
        """Finish the graph."""
        graph = helper.make_graph(self._nodes, "model", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="modelyard"
        )
