"""Squares and products of columns."""

from typing import Any

import numpy as np
from sklearn.preprocessing import PolynomialFeatures

from training.onnx_graph import Array, OnnxGraph


def build_products(degree: int) -> PolynomialFeatures:
    """Build what adds all products of up to so many columns, themselves included."""
    return PolynomialFeatures(degree, include_bias=False)


def add_products(graph: OnnxGraph, step: Any, matrix: str) -> str:
    """Add fitted products, multiplied in scikit-learn's order: the first column comes last."""
    terms = [np.repeat(np.arange(len(powers)), powers).tolist() for powers in step.powers_]
    pairs = [term for term in terms if len(term) == 2]  # noqa: PLR2004  of two columns
    parts = [matrix, _multiply(graph, matrix, matrix, np.array(pairs).T)]
    if triples := [term for term in terms if len(term) == 3]:  # noqa: PLR2004  of three
        place = {tuple(pair): number for number, pair in enumerate(pairs)}
        factors = np.array([[place[tuple(term[1:])], term[0]] for term in triples]).T
        parts.append(_multiply(graph, parts[1], matrix, factors))
    return graph.join(parts)


def _multiply(graph: OnnxGraph, left: str, right: str, columns: Array) -> str:
    sides = [
        graph.add("Gather", matrix, graph.add_constant(chosen), axis=1)
        for matrix, chosen in zip((left, right), columns, strict=True)
    ]
    return graph.add("Mul", *sides)
