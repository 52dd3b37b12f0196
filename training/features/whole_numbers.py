"""Whole numbers of a graph that are written as those of NumPy are: a formula serves both."""

from typing import Self

import numpy as np

from training.onnx_graph import OnnxGraph


class WholeNumbers:
    """An INT64 tensor of a graph; every operation adds its node.

    Division and remainder are those of numbers that are not negative, by positive ones.

    Args:
        graph: The graph.
        name: The tensor's name.
    """

    def __init__(self, graph: OnnxGraph, name: str) -> None:
        self._graph = graph
        self.name = name

    def __add__(self, other: Self | int) -> Self:
        """Add."""
        return self._operate("Add", other)

    def __sub__(self, other: Self | int) -> Self:
        """Subtract."""
        return self._operate("Sub", other)

    def __mul__(self, other: Self | int) -> Self:
        """Multiply."""
        return self._operate("Mul", other)

    def __floordiv__(self, other: int) -> Self:
        """Divide, rounding down."""
        return self._operate("Div", other)

    def __mod__(self, other: int) -> Self:
        """Take the remainder."""
        return self._operate("Mod", other)

    def _operate(self, operator: str, other: Self | int) -> Self:
        if isinstance(other, WholeNumbers):
            right = other.name
        else:
            right = self._graph.add_constant(np.array(other, np.int64))
        return type(self)(self._graph, self._graph.add(operator, self.name, right))
