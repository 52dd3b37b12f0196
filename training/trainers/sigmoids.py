"""Sigmoids that calibrate scores, and what makes probabilities of several of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.onnx_graph import OnnxGraph


def add_sigmoids(graph: OnnxGraph, calibrators: Sequence[Any], scores: str) -> str:
    """Add Platt's curve of every column: scikit-learn's calibrators, in the columns' order.

    Returns:
        The name of the curves' values, FP64 [rows, calibrators].
    """
    slopes = graph.add_constant(np.array([-it.a_ for it in calibrators]))
    shifts = graph.add_constant(np.array([-it.b_ for it in calibrators]))
    return graph.add("Sigmoid", graph.add("Add", graph.add("Mul", scores, slopes), shifts))


def add_shares(graph: OnnxGraph, values: str, count: int) -> str:
    """Add the division of each row's values by their sum; where that is 0 all are equal."""
    total = graph.add("ReduceSum", values, graph.add_constant(np.array([1])), keepdims=1)
    is_zero = graph.add("Equal", total, graph.add_constant(np.array(0.0)))
    one = graph.add_constant(np.array(1.0))
    shares = graph.add("Div", values, graph.add("Where", is_zero, one, total))
    return graph.add("Where", is_zero, graph.add_constant(np.array(1 / count)), shares)
