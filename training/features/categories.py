"""Categories: one column each, a place in an order, or the mean of the target.

A text that training rows did not have: for one_hot nothing but zeros, or, where rare ones are
grouped, the column of the rare; for ordinal -1; for target the mean of all training rows. A
missing text is the empty string, which is a category like any other if training rows have it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from registry.signature import TensorSpec
from training.feature_steps import USUAL_CATEGORIES, CategoricalSteps
from training.features import scaling
from training.onnx_graph import OnnxGraph

_FOLDS = 5


def build_one_hot(inputs: Sequence[TensorSpec]) -> OneHotEncoder:
    """Build one column per described category; any other text gives zeros in all of them."""
    return OneHotEncoder(
        categories=[np.array(spec.categories, dtype=object) for spec in inputs],
        handle_unknown="ignore",
        sparse_output=False,
    )


def build_grouped(steps: CategoricalSteps) -> OneHotEncoder:
    """Build one column per frequent category, and one for all rare and unseen ones if any is rare.

    The column of the rare counts as one of `max_categories`.
    """
    return OneHotEncoder(
        max_categories=steps.max_categories or USUAL_CATEGORIES,
        min_frequency=steps.min_count or None,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )


def build_ordinal(steps: CategoricalSteps, inputs: Sequence[TensorSpec], scale: str) -> Pipeline:
    """Build places in an order, the declared one or that of frequency."""
    most = steps.max_categories or USUAL_CATEGORIES
    encoder = OrdinalEncoder(
        categories=[np.array(steps.order or spec.categories[:most], object) for spec in inputs],
        handle_unknown="use_encoded_value",
        unknown_value=-1,
    )
    return _scaled(encoder, scale)


def build_target(steps: CategoricalSteps, scale: str, target_type: str, seed: int) -> Pipeline:
    """Build smoothed means of the target.

    Training rows get means of other rows than themselves, of five parts, so that a rare
    category does not give its own target away.
    """
    encoder = TargetEncoder(
        target_type=target_type,
        smooth=steps.smoothing or "auto",
        cv=KFold(_FOLDS, shuffle=True, random_state=seed),
    )
    return _scaled(encoder, scale)


def _scaled(encoder: Any, scale: str) -> Pipeline:
    parts = [("encode", encoder)]
    return Pipeline(parts if scale == "none" else [*parts, ("scale", scaling.build_scaler(scale))])


def add_one_hot(graph: OnnxGraph, encoder: OneHotEncoder, inputs: list[TensorSpec]) -> str:
    """Add one-hot encoders, each [rows, 1] to [rows, 1, categories], and lay them side by side."""
    encoded = [
        graph.add(
            "OneHotEncoder",
            spec.name,
            domain="ai.onnx.ml",
            cats_strings=categories.tolist(),
            zeros=1,
        )
        for spec, categories in zip(inputs, encoder.categories_, strict=True)
    ]
    joined = encoded[0] if len(encoded) == 1 else graph.add("Concat", *encoded, axis=2)
    width = sum(len(categories) for categories in encoder.categories_)
    # 0 keeps the number of rows, none included.
    flat = graph.add("Reshape", joined, graph.add_constant(np.array([0, width])))
    return graph.add("Cast", flat, to=TensorProto.DOUBLE)


def add_grouped(graph: OnnxGraph, encoder: OneHotEncoder, inputs: list[TensorSpec]) -> str:
    """Add what `build_grouped` built."""
    parts = []
    for number, spec in enumerate(inputs):
        rare = encoder.infrequent_categories_[number]
        known = [it for it in encoder.categories_[number] if rare is None or it not in set(rare)]
        width = len(known) + (rare is not None)
        # A place beyond the last column is none of them.
        place = _add_places(graph, spec.name, known, default=len(known))
        places = graph.add_constant(np.arange(width))
        hot = graph.add("Equal", place, places)
        parts.append(graph.add("Cast", hot, to=TensorProto.DOUBLE))
    return graph.join(parts)


def add_ordinal(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what `build_ordinal` built."""
    categories = steps["encode"].categories_
    places = [
        _add_places(graph, spec.name, known.tolist(), default=-1)
        for spec, known in zip(inputs, categories, strict=True)
    ]
    matrix = graph.add("Cast", graph.join(places), to=TensorProto.DOUBLE)
    return _add_scale(graph, steps, matrix)


def add_target(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what `build_target` built: a table of means, its last row for unseen texts."""
    encoder = steps["encode"]
    width = len(encoder.encodings_) // len(inputs)
    unseen = np.broadcast_to(encoder.target_mean_, (1, width))
    parts = []
    for number, spec in enumerate(inputs):
        known = encoder.categories_[number].tolist()
        means = np.column_stack(encoder.encodings_[number * width : (number + 1) * width])
        table = graph.add_constant(np.vstack([means, unseen]))
        place = _add_places(graph, spec.name, known, default=len(known))
        row = graph.add("Gather", table, place, axis=0)
        parts.append(graph.add("Reshape", row, graph.add_constant(np.array([0, width]))))
    return _add_scale(graph, steps, graph.join(parts))


def _add_places(graph: OnnxGraph, text: str, known: list[str], *, default: int) -> str:
    """Look texts up; return the name of their places, INT64 of the same shape."""
    return graph.add(
        "LabelEncoder",
        text,
        domain="ai.onnx.ml",
        keys_strings=known,
        values_int64s=range(len(known)),
        default_int64=default,
    )


def _add_scale(graph: OnnxGraph, steps: Pipeline, matrix: str) -> str:
    if "scale" not in steps.named_steps:
        return matrix
    return scaling.add_scaler(graph, steps["scale"], matrix)
