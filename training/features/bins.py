"""Numbers to the bins they lie in: comparisons alone, so exact on every number."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.preprocessing import KBinsDiscretizer

from training.feature_steps import NumericSteps
from training.onnx_graph import OnnxGraph


def build_bins(steps: NumericSteps) -> KBinsDiscretizer:
    """Build the sorter; a column with fewer different numbers gets fewer bins."""
    return KBinsDiscretizer(
        steps.bins,
        encode="ordinal" if steps.bin_encoding == "ordinal" else "onehot-dense",
        strategy=steps.bin_strategy or "quantile",
        subsample=None,
    )


def add_bins(graph: OnnxGraph, step: Any, matrix: str) -> str:
    """Add a fitted sorter: a number's bin is how many inner edges it has reached."""
    inner = [edges[1:-1] for edges in step.bin_edges_]
    # Columns are compared at once; those of fewer edges get some that nothing reaches.
    most = max(len(edges) for edges in inner) or 1
    edges = np.full((1, len(inner), most), np.inf)
    for column, values in enumerate(inner):
        edges[0, column, : len(values)] = values
    reached = graph.add("GreaterOrEqual", graph.add_axis(matrix, 2), graph.add_constant(edges))
    counted = graph.add("Cast", reached, to=TensorProto.DOUBLE)
    axis = graph.add_constant(np.array([2]))
    place = graph.add("ReduceSum", counted, axis, keepdims=0)
    return place if step.encode == "ordinal" else _add_one_hot(graph, place, step.n_bins_)


def _add_one_hot(graph: OnnxGraph, place: str, counts: Any) -> str:
    most = int(counts.max())
    places = graph.add_constant(np.arange(most, dtype=np.float64))
    hot = graph.add("Equal", graph.add_axis(place, 2), places)
    flat = graph.add("Reshape", hot, graph.add_constant(np.array([0, len(counts) * most])))
    wanted = np.concatenate([column * most + np.arange(n) for column, n in enumerate(counts)])
    chosen = graph.add("Gather", flat, graph.add_constant(wanted), axis=1)
    return graph.add("Cast", chosen, to=TensorProto.DOUBLE)
