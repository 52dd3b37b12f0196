"""Linear models: logistic regression for classes, ridge and elastic net for values."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from registry.signature import Task
from training.catalog.settings import LinearRegressionSettings, LogisticRegressionSettings
from training.onnx_graph import Array, OnnxGraph
from training.trainers.family import Family
from training.trainers.scaled_target import add_unscaled, scale_target


def build_logistic(settings: LogisticRegressionSettings, task: Task, seed: int) -> Any:
    """Build a classifier."""
    assert task is Task.CLASSIFICATION
    return LogisticRegression(
        C=1 / settings.regularization,
        l1_ratio=settings.l1_ratio,
        # The one that is quick needs a smooth penalty.
        solver="saga" if settings.l1_ratio else "lbfgs",
        random_state=seed,
        max_iter=settings.max_iterations,
        class_weight=None if settings.class_weight == "none" else settings.class_weight,
    )


class SummedElasticNet(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An elastic net whose penalty stands against the sum of squares, as that of ridge does.

    scikit-learn's own stands against their mean, so that the same number would be a far
    stronger penalty as soon as `l1_ratio` is over 0.

    Args:
        alpha: The penalty, as that of `Ridge`.
        l1_ratio: The part of it on absolute values, in (0, 1].
        max_iter: Steps of the solver at most.
    """

    def __init__(self, alpha: float = 1.0, l1_ratio: float = 0.5, max_iter: int = 1000) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_iter = max_iter

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and values [rows]."""
        total = len(X) if sample_weight is None else np.sum(sample_weight)
        self.net_ = ElasticNet(
            alpha=self.alpha / total, l1_ratio=self.l1_ratio, max_iter=self.max_iter
        ).fit(X, y, sample_weight)
        self.coef_, self.intercept_ = self.net_.coef_, self.net_.intercept_
        return self

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the values [rows]."""
        return np.asarray(self.net_.predict(X))


def build_linear(settings: LinearRegressionSettings, task: Task, seed: int) -> Any:
    """Build a regressor; the solvers are deterministic and need no seed."""
    assert task is Task.REGRESSION
    del seed
    if not settings.l1_ratio:
        return Ridge(alpha=settings.regularization)
    # Which coefficients become zero must not depend on the target's unit.
    return scale_target(
        SummedElasticNet(
            alpha=settings.regularization,
            l1_ratio=settings.l1_ratio,
            max_iter=settings.max_iterations,
        )
    )


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the linear function; return the name of its FP64 tensor [rows, classes or 1]."""
    if isinstance(estimator, TransformedTargetRegressor):
        return add_unscaled(graph, estimator, add_scores(graph, estimator.regressor_, matrix))
    weights = np.atleast_2d(estimator.coef_).T
    bias = np.atleast_1d(estimator.intercept_)
    if hasattr(estimator, "classes_") and len(bias) == 1:
        # Of two classes scikit-learn scores the second; softmax over (0, score) is its sigmoid.
        weights = np.hstack([np.zeros_like(weights), weights])
        bias = np.hstack([0.0, bias])
    return graph.add("Gemm", matrix, graph.add_constant(weights), graph.add_constant(bias))


LOGISTIC = Family(build_logistic, add_scores, scale=True, softmax=True)
LINEAR = Family(build_linear, add_scores, scale=True, softmax=False)
