"""Several targets by one estimator for each; what they share is computed once, in the features."""

from typing import Any

import numpy as np
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor

from registry.signature import Task
from training.onnx_graph import Array


def build_several(estimator: Any, task: Task) -> Any:
    """Build an estimator that learns each target as the given one would learn it alone."""
    kind = MultiOutputRegressor if task is Task.REGRESSION else MultiOutputClassifier
    return kind(estimator)


def take_apart(estimator: Any) -> list[Any]:
    """Return the fitted estimator of each target, in their order; of one target itself."""
    if isinstance(estimator, MultiOutputRegressor | MultiOutputClassifier):
        return list(estimator.estimators_)
    return [estimator]


def ask_labels(pipeline: Any, frame: Any) -> tuple[Array, Array]:
    """Ask a fitted pipeline of many labels.

    Returns:
        Whether each label holds, [rows, labels] of the targets' type, and how probable that
        is, FP64 [rows, labels].
    """
    of_each = pipeline.predict_proba(frame)
    return pipeline.predict(frame), np.column_stack([both[:, 1] for both in of_each])
