"""Squared distances between rows and points, the same to the last bit in numpy and in a graph.

Both add up the columns one after the other, in their order. That is slower than a product of
matrices and has no rounding of its own: equal points are equally far, a row is at distance 0
from itself, and what is nearest does not depend on who computes.
"""

import numpy as np
from onnx import TensorProto, helper

from training.onnx_graph import Array, OnnxGraph


def measure_squared_distances(rows: Array, points: Array) -> Array:
    """Measure from every row [rows, columns] to every point [points, columns].

    Returns:
        FP64 [rows, points].
    """
    total = np.zeros((len(rows), len(points)))
    for row_values, point_values in zip(rows.T, points.T, strict=True):
        gaps = row_values[:, np.newaxis] - point_values
        gaps *= gaps
        total += gaps
    return total


def add_squared_distances(
    graph: OnnxGraph, matrix: str, points: Array, variances: Array | None = None
) -> str:
    """Add the same to a graph.

    Args:
        graph: Where to.
        matrix: The name of an FP64 tensor [rows, columns].
        points: [points, columns] Where to measure to.
        variances: [points, columns] What each column's square is divided by.

    Returns:
        The name of an FP64 tensor [rows, points].
    """
    row_count = graph.add("Shape", matrix, start=0, end=1)
    shape = graph.add("Concat", row_count, graph.add_constant(np.array([len(points)])), axis=0)
    zero = helper.make_tensor("", TensorProto.DOUBLE, [1], [0.0])
    nothing = graph.add("ConstantOfShape", shape, value=zero)
    columns = graph.add("Transpose", matrix, perm=[1, 0])
    constants = [points] if variances is None else [points, variances]
    sequences = [graph.add_constant(np.ascontiguousarray(values.T)) for values in constants]
    return graph.add_scan(nothing, [columns, *sequences], _add_column)


def _add_column(graph: OnnxGraph, state: str, column: str, points: str, *variances: str) -> str:
    """Add the squares of one column's gaps to the state."""
    standing = graph.add("Unsqueeze", column, graph.add_constant(np.array([1])))
    gaps = graph.add("Sub", standing, points)
    squares = graph.add("Mul", gaps, gaps)
    for divisor in variances:
        squares = graph.add("Div", squares, divisor)
    return graph.add("Add", state, squares)
