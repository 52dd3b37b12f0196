"""Writes an ONNX graph node by node, nothing twice.

A node or a constant that is there already is used again: what several targets or several steps
share is computed once. Of graphs written so, ONNX Runtime's own optimizer removes nothing more.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

OPSETS = {"": 21, "ai.onnx.ml": 3}
_CONTRIBUTED = "com.microsoft"  # ONNX Runtime's own operators; named only where one is used
_IR_VERSION = 10  # the one that goes with opset 21
# Enough rows to be quick, and few enough for the caches.
_BLOCK_ROWS = 64

Array = np.ndarray[Any, Any]


class _Names:
    """What a graph and the graphs inside it share: constants, and names that differ.

    Args:
        taken: The names of the model's inputs and outputs.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self.constants: list[TensorProto] = []
        self._found: dict[bytes, str] = {}
        self._numbers = count()
        self._prefix = "_"
        taken = list(taken)
        while any(name.startswith(self._prefix) for name in taken):
            self._prefix += "_"

    def make(self, kind: str) -> str:
        return f"{self._prefix}{next(self._numbers)}_{kind}"

    def add_constant(self, values: Array) -> str:
        """Add a constant, unless an equal one is there; return its name."""
        tensor = numpy_helper.from_array(values)
        key = _digest(tensor)
        if key not in self._found:
            self._found[key] = tensor.name = self.make("constant")
            self.constants.append(tensor)
        return self._found[key]


def _digest(nameless: NodeProto | TensorProto) -> bytes:
    """Digest what a node does or a constant holds; equal ones have equal digests."""
    return hashlib.sha256(nameless.SerializeToString(deterministic=True)).digest()


class OnnxGraph:
    """A graph in the making: nodes are added in the order in which they run.

    Args:
        names: The names of the model's inputs and outputs, which nothing else may have; or, of
            a graph inside another one, what it shares with that.
    """

    def __init__(self, names: Iterable[str] | _Names) -> None:
        self._nodes: list[NodeProto] = []
        self._names = names if isinstance(names, _Names) else _Names(names)
        self._found: dict[bytes, str] = {}
        self._types: dict[str, ValueInfoProto] = {}

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
        key = _digest(node)
        if key not in self._found:
            self._found[key] = node.output[0] = self._names.make(operator)
            self._nodes.append(node)
        return self._found[key]

    def add_top(self, values: str, count: int) -> tuple[str, str]:
        """Find the smallest values of each row of [rows, columns], smallest first.

        Of equal ones the first column comes first.

        Returns:
            The names of the values [rows, count] and of their columns, INT64 [rows, count].
        """
        names = [self._names.make("TopK_values"), self._names.make("TopK_columns")]
        inputs = [values, self.add_constant(np.array([count]))]
        self._nodes.append(helper.make_node("TopK", inputs, names, axis=1, largest=0, sorted=1))
        return names[0], names[1]

    def add_scan(self, state: str, sequences: Sequence[str], make_step: Callable[..., str]) -> str:
        """Add what is done once for every first index of some sequences.

        Args:
            state: The name of the first state, FP64 [rows, columns].
            sequences: The names of tensors FP64 [steps, size], of one length.
            make_step: Takes a graph, the name of the state and of each sequence's [size], and
                returns the name of the next state.

        Returns:
            The name of the last state.
        """
        inner = OnnxGraph(self._names)
        names = [self._names.make("state"), *(self._names.make("element") for _ in sequences)]
        last = make_step(inner, *names)
        shapes: list[list[None]] = [[None, None], *([None] for _ in sequences)]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)
            for name, shape in zip(names, shapes, strict=True)
        ]
        body = inner.to_body(inputs, [_describe_matrix(last, None)])
        return self.add("Scan", state, *sequences, body=body, num_scan_inputs=len(sequences))

    def add_blocks(
        self, matrix: str, width: int, make_block: Callable[["OnnxGraph", str], str]
    ) -> str:
        """Add what is done with some rows at a time, so that many rows take no more memory.

        Args:
            matrix: The name of an FP64 tensor [rows, columns].
            width: The columns of the result.
            make_block: Takes a graph and the name of some rows, and returns the name of their
                result, FP64 [some rows, width].

        Returns:
            The name of the results, FP64 [rows, width].
        """
        size = self.add_constant(np.array([_BLOCK_ROWS]))
        rounding = self.add_constant(np.array([_BLOCK_ROWS - 1]))
        rows = self.add("Shape", matrix, start=0, end=1)
        blocks = self.add("Div", self.add("Add", rows, rounding), size)
        nothing = self.add_constant(np.zeros((0, width)))
        body = self._make_blocks_body(matrix, width, size, make_block)
        return self.add("Loop", blocks, "", nothing, body=body)

    def _make_blocks_body(
        self, matrix: str, width: int, size: str, make_block: Callable[["OnnxGraph", str], str]
    ) -> GraphProto:
        inner = OnnxGraph(self._names)
        number, go_on, done = (self._names.make(name) for name in ("number", "go_on", "done"))
        start = inner.add("Mul", number, size)
        first_axis = self.add_constant(np.array([0]))
        block = inner.add("Slice", matrix, start, inner.add("Add", start, size), first_axis)
        joined = inner.add("Concat", done, make_block(inner, block), axis=0)
        still = inner.add("Identity", go_on)
        inputs = [
            helper.make_tensor_value_info(number, TensorProto.INT64, []),
            helper.make_tensor_value_info(go_on, TensorProto.BOOL, []),
            _describe_matrix(done, width),
        ]
        outputs = [
            helper.make_tensor_value_info(still, TensorProto.BOOL, []),
            _describe_matrix(joined, width),
        ]
        return inner.to_body(inputs, outputs)

    def add_constant(self, values: Array) -> str:
        """Add a constant tensor, of text if the array holds objects; return its name."""
        return self._names.add_constant(values)

    def join(self, parts: Sequence[str]) -> str:
        """Lay matrices side by side."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def add_axis(self, tensor: str, axis: int) -> str:
        """Add an axis of one element."""
        return self.add("Unsqueeze", tensor, self.add_constant(np.array([axis])))

    def add_rounding(self, matrix: str) -> str:
        """Round an FP64 matrix to numbers that FP32 has, at which some libraries' trees look."""
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
        self._types[words] = helper.make_tensor_value_info(words, TensorProto.STRING, shape)
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
            self._nodes,
            "model",
            inputs,
            outputs,
            self._names.constants,
            value_info=list(self._types.values()),
        )
        used = OPSETS
        if self._types:
            used = OPSETS | {_CONTRIBUTED: 1}
        opsets = [helper.make_opsetid(domain, version) for domain, version in used.items()]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="modelyard"
        )

    def to_body(
        self, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]
    ) -> GraphProto:
        """Finish a graph inside another one, which keeps its constants."""
        return helper.make_graph(self._nodes, "body", inputs, outputs)


def _describe_matrix(name: str, width: int | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, width])
