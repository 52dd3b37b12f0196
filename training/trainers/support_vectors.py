"""Support vector machines, with probabilities by a sigmoid fitted on held-out folds."""

from functools import partial
from itertools import combinations
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC, SVR

from registry.signature import Task
from training.catalog.settings import SupportVectorSettings
from training.onnx_graph import Array, OnnxGraph
from training.refusal import FitRefused
from training.trainers.family import Family
from training.trainers.held_rows import check_held_rows
from training.trainers.scaled_target import add_unscaled, scale_target
from training.trainers.sigmoids import add_shares, add_sigmoids

_MOST_FOLDS = 5
_FEWEST_FOLDS = 2


class SigmoidSvc(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose label is always the class of the largest probability.

    scikit-learn's own `SVC(probability=True)` may answer with another class than the one it
    holds for most probable, and is deprecated for that.

    Args:
        svc: The machine to fit, for labels and, on folds, for the sigmoids.
    """

    def __init__(self, svc: SVC) -> None:
        self.svc = svc

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and classes [rows].

        Raises:
            FitRefused: A class has one row, or there are too many cells.
        """
        check_held_rows(X)
        values, counts = np.unique(y, return_counts=True)
        if counts.min() < _FEWEST_FOLDS:
            raise FitRefused(
                "CLASS_TOO_SMALL",
                f"the class {str(values[counts.argmin()])[:100]!r} has one row to learn from, and"
                " probabilities of support vectors need two; leave its rows out, or choose"
                " logistic-regression",
            )
        folds = StratifiedKFold(min(_MOST_FOLDS, counts.min()))
        calibrated = CalibratedClassifierCV(self.svc, cv=folds, ensemble=False)
        self.calibrated_ = calibrated.fit(X, y, sample_weight=sample_weight)
        self.classes_ = calibrated.classes_
        return self

    def predict_proba(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the probabilities, FP64 [rows, classes]."""
        return np.asarray(self.calibrated_.predict_proba(X))

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the most probable class."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


class BoundedSvr(SVR):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor that refuses to hold too many rows."""

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and values [rows].

        Raises:
            FitRefused: There are too many cells.
        """
        check_held_rows(X)
        super().fit(X, y, sample_weight)
        return self


def build(settings: SupportVectorSettings, task: Task, seed: int) -> Any:
    """Build the machine; without its own probabilities nothing in it is random."""
    del seed
    options = {
        "kernel": settings.kernel,
        "C": 1 / settings.regularization,
        "gamma": settings.gamma or "scale",
        "max_iter": settings.max_iterations,
    }
    if task is Task.REGRESSION:
        return scale_target(BoundedSvr(**options, epsilon=settings.epsilon))
    weight = None if settings.class_weight == "none" else settings.class_weight
    return SigmoidSvc(SVC(**options, class_weight=weight))


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the decisions and, for classes, their sigmoids: FP64 [rows, classes or 1]."""
    if not isinstance(estimator, SigmoidSvc):
        svr = estimator.regressor_
        values = _add_decisions(graph, svr, matrix, svr.dual_coef_.T)
        return add_unscaled(graph, estimator, values)
    (calibrated,) = estimator.calibrated_.calibrated_classifiers_
    svc, count = calibrated.estimator, len(estimator.classes_)
    if count == 2:  # noqa: PLR2004  two classes have one decision and one sigmoid
        decisions = _add_decisions(graph, svc, matrix, svc.dual_coef_.T)
        second = add_sigmoids(graph, calibrated.calibrators, decisions)
        first = graph.add("Sub", graph.add_constant(np.array(1.0)), second)
        return graph.add("Concat", first, second, axis=1)
    pairs = _add_decisions(graph, svc, matrix, _spread_coefficients(svc))
    sigmoids = add_sigmoids(graph, calibrated.calibrators, _add_votes(graph, pairs, count))
    return add_shares(graph, sigmoids, count)


def _add_decisions(graph: OnnxGraph, machine: Any, matrix: str, coefficients: Array) -> str:
    """Add the kernel's values, weighed by [support vectors, decisions]."""
    if machine.kernel == "linear":
        weights = graph.add_constant(machine.support_vectors_.T @ coefficients)
        return graph.add("Gemm", matrix, weights, graph.add_constant(machine.intercept_))
    return graph.add_blocks(
        matrix, coefficients.shape[1], partial(_add_kernel_decisions, machine, coefficients)
    )


def _add_kernel_decisions(machine: Any, coefficients: Array, graph: OnnxGraph, matrix: str) -> str:
    gamma = machine._gamma  # noqa: SLF001  scikit-learn has no public way
    squares = _add_negative_squares(graph, matrix, machine.support_vectors_, gamma)
    weights, bias = graph.add_constant(coefficients), graph.add_constant(machine.intercept_)
    return graph.add("Gemm", graph.add("Exp", squares), weights, bias)


def _add_negative_squares(graph: OnnxGraph, matrix: str, vectors: Array, gamma: float) -> str:
    """Add -gamma |row - vector|^2 as 2 gamma row.vector - gamma |row|^2 - gamma |vector|^2.

    What rounding does to it is far under what shows after the exponential.
    """
    squares = graph.add_constant(-gamma * (vectors**2).sum(axis=1))
    products = graph.add("Gemm", matrix, graph.add_constant(2 * gamma * vectors.T), squares)
    lengths = graph.add("ReduceSumSquare", matrix, graph.add_constant(np.array([1])), keepdims=1)
    lengths = graph.add("Mul", lengths, graph.add_constant(np.array(gamma)))
    return graph.add("Sub", products, lengths)


def _spread_coefficients(svc: Any) -> Array:
    """Lay libsvm's coefficients out as [support vectors, pairs of classes].

    Row j - 1 of them is of vectors of a class i < j against j; row i of those of j against i.
    """
    ends = np.cumsum([0, *svc.n_support_])
    pairs = list(combinations(range(len(svc.n_support_)), 2))
    spread = np.zeros((ends[-1], len(pairs)))
    for position, (i, j) in enumerate(pairs):
        for own, row in ((i, j - 1), (j, i)):
            place = slice(ends[own], ends[own + 1])
            spread[place, position] = svc.dual_coef_[row, place]
    return spread


def _add_votes(graph: OnnxGraph, pairs: str, count: int) -> str:
    """Add what scikit-learn makes of decisions between pairs: votes, and a fraction for ties."""
    order = list(combinations(range(count), 2))
    first, second = np.zeros((2, len(order), count))
    for position, (i, j) in enumerate(order):
        first[position, i] = second[position, j] = 1
    is_second = graph.add("Less", pairs, graph.add_constant(np.array(0.0)))
    ones, zeros = (graph.add_constant(np.array(value)) for value in (1.0, 0.0))
    chosen = graph.add("Where", is_second, ones, zeros)
    # A vote for the second instead of the first moves one from this to that.
    moved = graph.add("MatMul", chosen, graph.add_constant(second - first))
    votes = graph.add("Add", moved, graph.add_constant(first.sum(axis=0)))
    sums = graph.add("MatMul", pairs, graph.add_constant(first - second))
    over = graph.add("Add", graph.add("Abs", sums), ones)
    over = graph.add("Mul", over, graph.add_constant(np.array(3.0)))
    return graph.add("Add", votes, graph.add("Div", sums, over))


SUPPORT_VECTORS = Family(build, add_scores, scale=True, softmax=False)
