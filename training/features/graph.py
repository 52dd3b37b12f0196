"""Fitted features to nodes of a graph: every kind of part to the function that writes it."""

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.pipeline import Pipeline

from registry.signature import TensorSpec
from training.features import categories, numbers, texts, times
from training.features.selection import add_selection
from training.onnx_graph import OnnxGraph

Writer = Callable[[OnnxGraph, Any, list[TensorSpec]], str]

_WRITERS: dict[str, Writer] = {
    "numbers": numbers.add_numbers,
    "missing-numbers": numbers.add_indicator,
    "categories": categories.add_one_hot,
    "grouped": categories.add_grouped,
    "ordinal": categories.add_ordinal,
    "target": categories.add_target,
    "times": times.add_times,
    "missing-times": times.add_indicator,
    "texts": texts.add_texts,
}


def add_features(graph: OnnxGraph, pipeline: Pipeline, inputs: Sequence[TensorSpec]) -> str:
    """Add all that stands before the estimator.

    Args:
        graph: Where to.
        pipeline: Fitted, by `build_pipeline`.
        inputs: The model's inputs.

    Returns:
        The name of the matrix that the estimator takes, FP64 [rows, columns].
    """
    by_name = {spec.name: spec for spec in inputs}
    parts = [
        _WRITERS[name.rstrip("-0123456789")](graph, steps, [by_name[column] for column in columns])
        for name, steps, columns in pipeline["features"].transformers_
    ]
    matrix = graph.join(parts)
    if "select" in pipeline.named_steps:
        matrix = add_selection(graph, pipeline["select"], matrix)
    return matrix
