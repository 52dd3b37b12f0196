"""Writes an ONNX graph node by node."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSETS = {"": 21, "ai.onnx.ml": 3}
_CONTRIBUTED = "com.microsoft"  # ONNX Runtime's own operators; named only where one is used
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
        self._types: list[ValueInfoProto] = []
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

    def join(self, parts: Sequence[str]) -> str:
        """Lay matrices side by side."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def add_axis(self, tensor: str, axis: int) -> str:
        """Add an axis of one element."""
        return self.add("Unsqueeze", tensor, self.add_constant(np.array([axis])))

    def add_rounding(self, matrix: str) -> str:
        """Round an FP64 matrix to numbers that FP32 has."""
        rounded = self.add("Cast", matrix, to=TensorProto.FLOAT)
        return self.add("Cast", rounded, to=TensorProto.DOUBLE)

    def add_words(self, texts: str, pattern: str, filler: str) -> str:
        """Add what finds all matches of a pattern of RE2 in texts [rows, columns].

        Returns:
            The name of the matches [rows, columns, most matches], short rows filled up.
        """
        words = self.add(
            "Tokenizer",
            texts,
            domain=_CONTRIBUTED,
            mark=0,
            mincharnum=1,
            pad_value=filler,
            tokenexp=pattern,
        )
        # The checker of ONNX knows nothing of this operator, and dies of a type it misses.
        shape = (None, None, None)
        self._types.append(helper.make_tensor_value_info(words, TensorProto.STRING, shape))
        return words

    def drop_last_row(self, tensor: str) -> str:
        """Take all rows but the last."""
        start, end, axis = (self.add_constant(np.array([number])) for number in (0, -1, 0))
        return self.add("Slice", tensor, start, end, axis)

    def to_model(
        self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
    ) -> ModelProto:
        """Finish the graph."""
        graph = helper.make_graph(
            self._nodes, "model", inputs, outputs, self._constants, value_info=self._types
        )
        used = OPSETS
        if self._types:
            used = OPSETS | {_CONTRIBUTED: 1}
        opsets = [helper.make_opsetid(domain, version) for domain, version in used.items()]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="modelyard"
        )
