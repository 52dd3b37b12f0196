"""Feature columns to the numbers an estimator learns from, as a scikit-learn pipeline.

By default numbers that miss become the median of the training rows, and only trainers that need
comparable numbers get them standardized; categories become one column each, at most 100, most
frequent first; times become parts of the calendar, and longer texts TF-IDF of their words.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from registry.signature import TensorSpec
from training.feature_steps import FeatureColumn, FeatureSelection
from training.features.parts import Settings, list_parts
from training.features.selection import build_selection


def build_pipeline(
    inputs: tuple[TensorSpec, ...],
    estimator: Any,
    *,
    scale: bool,
    declared: Sequence[FeatureColumn] = (),
    selection: FeatureSelection | None = None,
    seed: int = 0,
) -> Pipeline:
    """Put the features before an estimator.

    Args:
        inputs: The inputs, described by the training rows.
        estimator: Unfitted.
        scale: Whether it wants comparable numbers.
        declared: What is declared of some of the inputs; the others get the usual.
        selection: Which columns of the matrix it sees; None is all.
        seed: Seeds everything random.

    Returns:
        The steps `features`, a ColumnTransformer from `to_frame` to a matrix of FP64; `select`
        if there is a selection; and `estimator`.
    """
    classes = is_classifier(estimator)
    settings = Settings(scale, "auto" if classes else "continuous", seed)
    steps = [("features", build_features(inputs, declared, settings))]
    if selection:
        steps.append(("select", build_selection(selection, seed, classes=classes)))
    return Pipeline([*steps, ("estimator", estimator)])


def build_features(
    inputs: tuple[TensorSpec, ...], declared: Sequence[FeatureColumn], settings: Settings
) -> ColumnTransformer:
    """Build the transformer of described inputs; its parts are named by kind, as in `Part`."""
    named = []
    count: Counter[str] = Counter()
    for part in list_parts(inputs, declared, settings):
        count[part.kind] += 1
        name = part.kind if count[part.kind] == 1 else f"{part.kind}-{count[part.kind]}"
        named.append((name, part.steps, [spec.name for spec in part.inputs]))
    # Half-empty matrices stay dense: trees take no others.
    return ColumnTransformer(named, sparse_threshold=0)
