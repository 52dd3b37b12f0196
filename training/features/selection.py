"""The columns of the matrix that the estimator sees."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.feature_selection import (
    SelectFromModel,
    SelectKBest,
    SelectorMixin,
    f_classif,
    f_regression,
)

from training.feature_steps import FeatureSelection
from training.features.rows import Array
from training.onnx_graph import OnnxGraph

_TREES = 50


class VariedColumns(SelectorMixin, BaseEstimator):  # type: ignore[misc]  # has no types
    """Keeps columns whose variance is over a bound; if none is, the one that varies most.

    Args:
        min_variance: The bound.
    """

    def __init__(self, min_variance: float) -> None:
        self.min_variance = min_variance

    def fit(self, matrix: Array, y: object = None) -> Self:
        """Look at the training rows."""
        del y
        self.n_features_in_ = matrix.shape[1]
        variances = matrix.var(axis=0)
        self.kept_ = variances > self.min_variance
        self.kept_[np.argmax(variances)] = True
        return self

    def _get_support_mask(self) -> Array:
        kept: Array = self.kept_
        return kept


def build_selection(selection: FeatureSelection, seed: int, *, classes: bool) -> Any:
    """Build a selector; classes says whether the target is of classes."""
    most = selection.max_columns
    if selection.method == "variance":
        return VariedColumns(selection.min_variance)
    if selection.method == "univariate":
        return SelectKBest(f_classif if classes else f_regression, k=most)
    trees = (ExtraTreesClassifier if classes else ExtraTreesRegressor)(
        _TREES, max_depth=16, random_state=seed
    )
    return SelectFromModel(
        trees, threshold=-np.inf, max_features=lambda matrix: min(most, matrix.shape[1])
    )


def add_selection(graph: OnnxGraph, selector: Any, matrix: str) -> str:
    """Add a fitted selector; return the name of its FP64 matrix."""
    kept = graph.add_constant(selector.get_support(indices=True))
    return graph.add("Gather", matrix, kept, axis=1)
