"""Calibrated probabilities: scikit-learn's calibration, and the same in a graph.

The scores that a calibrator takes are rounded to FP32 before it sees them, in the pipeline and in
the graph alike. An isotonic curve may rise steeply between scores that differ in the last digits
of FP64 only; there, what makes two programs add up numbers in another order would show in the
probability. Rounded, equal scores are equal.
"""

from typing import Any, Self

import numpy as np
from onnx import TensorProto
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedKFold

from training.features import LARGEST_NUMBER
from training.onnx_graph import Array, OnnxGraph
from training.trainers.family import Family
from training.trainers.sigmoids import add_shares, add_sigmoids
from training.trainers.tree_ensemble import Tree, add_trees


class ScoredClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """A classifier as a calibrator sees it: its scores, rounded to FP32.

    Args:
        estimator: The classifier.
        softmax: Whether its family's graph has scores that softmax makes probabilities of; then
            these are calibrated if the classifier tells them, and else its probabilities.
    """

    def __init__(self, estimator: Any, *, softmax: bool) -> None:
        self.estimator = estimator
        self.softmax = softmax

    def fit(self, X: Any, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit the classifier."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimator_ = clone(self.estimator).fit(X, y, **weights)
        self.classes_ = self.estimator_.classes_
        return self

    @property
    def takes_decisions(self) -> bool:
        """Whether the scores are those of the decision function, and not probabilities."""
        return self.softmax and hasattr(self.estimator_, "decision_function")

    def decision_function(self, X: Any) -> Array:  # noqa: N803  scikit-learn's name
        """Return the score of the second of two classes, [rows], or of each, [rows, classes]."""
        if self.takes_decisions:
            scores = self.estimator_.decision_function(X)
        else:
            probabilities = self.estimator_.predict_proba(X)
            is_binary = len(self.classes_) == 2  # noqa: PLR2004  two classes
            scores = probabilities[:, 1] if is_binary else probabilities
        held: Array = np.clip(scores, -LARGEST_NUMBER, LARGEST_NUMBER)
        return held.astype(np.float32).astype(np.float64)

    def predict(self, X: Any) -> Array:  # noqa: N803  scikit-learn's name
        """Return the classes that the classifier itself chooses."""
        return self.estimator_.predict(X)  # type: ignore[no-any-return]  # untyped library


def build_calibrated(estimator: Any, family: Family, method: str, folds: int, seed: int) -> Any:
    """Build a classifier that is fitted on all rows, and calibrated on held-out predictions.

    Args:
        estimator: The classifier, unfitted.
        family: Its family.
        method: `sigmoid` or `isotonic`.
        folds: Of the cross-validation that makes the predictions; at least 2.
        seed: Seeds which row is in which fold.
    """
    scored = ScoredClassifier(estimator, softmax=family.softmax)
    cv = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(scored, method=method, cv=cv, ensemble=False)


def is_calibrated(estimator: Any) -> bool:
    """Tell whether an estimator is one that `build_calibrated` built."""
    return isinstance(estimator, CalibratedClassifierCV)


def add_calibrated(graph: OnnxGraph, estimator: Any, matrix: str, family: Family) -> str:
    """Add a fitted calibrated classifier; return its probabilities, FP64 [rows, classes]."""
    (pair,) = estimator.calibrated_classifiers_
    scores = _add_scores(graph, pair.estimator, matrix, family)
    if hasattr(pair.calibrators[0], "a_"):
        single = add_sigmoids(graph, pair.calibrators, scores)
    else:
        single = _add_isotonic(graph, scores, pair.calibrators)
    if len(pair.calibrators) == 1:
        one = graph.add_constant(np.array([1.0]))
        return graph.add("Concat", graph.add("Sub", one, single), single, axis=1)
    return add_shares(graph, single, len(pair.calibrators))


def _add_scores(graph: OnnxGraph, scored: ScoredClassifier, matrix: str, family: Family) -> str:
    """Add what is calibrated: FP64 [rows, 1] of two classes, else [rows, classes]."""
    scores = family.add_scores(graph, scored.estimator_, matrix)
    scores = graph.add("Cast", scores, to=TensorProto.DOUBLE)
    if family.softmax and not scored.takes_decisions:
        scores = graph.add("Softmax", scores, axis=1)
    if len(scored.classes_) == 2:  # noqa: PLR2004  two classes
        second = _add_column(graph, scores, 1)
        if scored.takes_decisions:
            second = graph.add("Sub", second, _add_column(graph, scores, 0))
        scores = second
    ends = (graph.add_constant(np.array(end)) for end in (-LARGEST_NUMBER, LARGEST_NUMBER))
    return graph.add_rounding(graph.add("Clip", scores, *ends))


def _add_column(graph: OnnxGraph, matrix: str, column: int) -> str:
    return graph.add("Gather", matrix, graph.add_constant(np.array([column])), axis=1)


def _add_isotonic(graph: OnnxGraph, scores: str, calibrators: list[Any]) -> str:
    if len(calibrators) == 1:
        return _add_curve(graph, scores, calibrators[0])
    columns = [
        _add_curve(graph, _add_column(graph, scores, column), calibrator)
        for column, calibrator in enumerate(calibrators)
    ]
    return graph.add("Concat", *columns, axis=1)


def _add_curve(graph: OnnxGraph, score: str, calibrator: Any) -> str:
    """Add a curve of straight pieces over a score [rows, 1]: find the piece, then go along it."""
    x, y = calibrator.X_thresholds_, calibrator.y_thresholds_
    # Behind the last knot there is nothing to climb: the score is held within the knots.
    slopes = np.append(np.diff(y) / np.diff(x), 0.0)
    ends = (graph.add_constant(np.array(end, np.float64)) for end in (x[0], x[-1]))
    score = graph.add("Clip", score, *ends)
    # A tree finds it in few steps and without a matrix of rows and knots.
    found = add_trees(graph, score, [_make_search_tree(x)], average=False)
    piece = graph.add("Cast", found, to=TensorProto.INT64)
    start, height, slope = (
        graph.add("Gather", graph.add_constant(values), piece) for values in (x, y, slopes)
    )
    climbed = graph.add("Mul", slope, graph.add("Sub", score, start))
    return graph.add("Add", climbed, height)


def _make_search_tree(knots: Array) -> Tree:
    """Make a tree that tells the last of the knots, FP64 and rising, that a score reaches."""
    size = 2 * len(knots) - 1
    threshold, left, right, knot = (np.zeros(size, kind) for kind in (float, int, int, float))
    is_leaf = np.zeros(size, bool)
    ranges = [(0, len(knots))]
    # A node's children come after it, side by side.
    for node in range(size):
        low, high = ranges[node]
        if high - low == 1:
            is_leaf[node], knot[node] = True, low
            continue
        middle = (low + high) // 2
        # At or under the number before the knot is under the knot.
        threshold[node] = np.nextafter(knots[middle], -np.inf)
        left[node], right[node] = len(ranges), len(ranges) + 1
        ranges += [(low, middle), (middle, high)]
    return Tree(np.zeros(size, int), threshold, left, right, is_leaf, knot[:, np.newaxis])
