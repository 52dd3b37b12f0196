"""Classifiers that learn codes of the classes, whatever the library makes of their type.

XGBoost takes nothing but codes, and some of scikit-learn's classifiers turn text into arrays of
a fixed width. The label is always the class of the largest probability, of equal ones the first.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if

from training.onnx_graph import Array


class CodedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Gives a classifier 0, 1, 2... for the classes, and weighs their rows.

    Args:
        model: The classifier to fit.
        class_weight: `balanced` lets every class count alike; `none` every row.
    """

    def __init__(self, model: Any, class_weight: str = "none") -> None:
        self.model = model
        self.class_weight = class_weight

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and classes [rows]."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if self.class_weight == "balanced":
            balance = compute_sample_weight("balanced", codes)
            sample_weight = balance if sample_weight is None else balance * sample_weight
        self.model_ = clone(self.model).fit(X, codes, sample_weight=sample_weight)
        return self

    @available_if(lambda self: hasattr(self.model, "decision_function"))  # type: ignore[untyped-decorator]  # scikit-learn has no types
    def decision_function(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the score of the second of two classes [rows], or of each [rows, classes]."""
        return np.asarray(self.model_.decision_function(X))

    def predict_proba(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the probabilities [rows, classes]."""
        return np.asarray(self.model_.predict_proba(X))

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the most probable class."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


def compute_softmax(scores: Array) -> Array:
    """Make probabilities of scores [rows, classes]."""
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
