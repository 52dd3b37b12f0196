"""The nearest training rows.

scikit-learn leaves open which of several equally far rows are taken, and its search structures
each take others. Here it is the rule: the first in the order of the training rows. Where nothing
ties the answers are scikit-learn's.
"""

from functools import partial
from typing import Any, Self

import numpy as np
from onnx import TensorProto
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from registry.signature import Task
from training.catalog.settings import NearestNeighborsSettings
from training.onnx_graph import Array, OnnxGraph
from training.trainers.distances import add_squared_distances, measure_squared_distances
from training.trainers.family import Family
from training.trainers.held_rows import check_held_rows

_BLOCK_CELLS = 250_000  # as many distances as fit into the caches


class _Neighbors(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Averages what the nearest training rows answer.

    Args:
        neighbors: How many are asked.
        weights: `uniform` or `distance`, which is by 1 / distance; rows at distance 0 alone
            answer where there are such.
    """

    def __init__(self, neighbors: int = 5, weights: str = "uniform") -> None:
        self.neighbors = neighbors
        self.weights = weights

    def _keep(self, rows: Array, answers: Array) -> Self:
        check_held_rows(rows)
        self.rows_ = np.asarray(rows, np.float64)
        self.answers_ = answers
        self.count_ = min(self.neighbors, len(rows))
        return self

    def _average(self, rows: Array) -> Array:
        """Average the answers [training rows, outputs]: FP64 [rows, outputs]."""
        rows = np.asarray(rows, np.float64)
        size = max(1, _BLOCK_CELLS // len(self.rows_))
        blocks = [rows[at : at + size] for at in range(0, max(1, len(rows)), size)]
        return np.concatenate([self._average_block(block) for block in blocks])

    def _average_block(self, rows: Array) -> Array:
        squares = measure_squared_distances(rows, self.rows_)
        nearest = np.argsort(squares, axis=1, kind="stable")[:, : self.count_]
        answers = self.answers_[nearest]
        if self.weights == "uniform":
            return np.asarray(answers.mean(axis=1))
        weights = _weigh(np.sqrt(np.take_along_axis(squares, nearest, axis=1)))
        return np.asarray((answers * weights[:, :, np.newaxis]).sum(axis=1))


def _weigh(distances: Array) -> Array:
    same = distances == 0
    weights = np.where(same.any(axis=1, keepdims=True), same, 1 / np.where(same, 1, distances))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


class NeighborsClassifier(ClassifierMixin, _Neighbors):  # type: ignore[misc]  # no types
    """Answers with the classes' shares among the nearest rows."""

    def fit(self, X: Array, y: Array) -> Self:  # noqa: N803  scikit-learn's names
        """Keep the rows [rows, columns] and their classes [rows]."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        return self._keep(X, np.eye(len(self.classes_))[codes])

    def predict_proba(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the shares, FP32 [rows, classes]; rounded, so that equal ones are equal."""
        return self._average(X).astype(np.float32)

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the class of the largest share; of equal ones the first."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


class NeighborsRegressor(RegressorMixin, _Neighbors):  # type: ignore[misc]  # no types
    """Answers with the average of the nearest rows' values."""

    def fit(self, X: Array, y: Array) -> Self:  # noqa: N803  scikit-learn's names
        """Keep the rows [rows, columns] and their values [rows]."""
        return self._keep(X, np.asarray(y, np.float64)[:, np.newaxis])

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the averages, FP64 [rows]."""
        return self._average(X)[:, 0]


def build(settings: NearestNeighborsSettings, task: Task, seed: int) -> Any:
    """Build the estimator, in which nothing is random."""
    del seed
    kind = NeighborsRegressor if task is Task.REGRESSION else NeighborsClassifier
    return kind(settings.neighbors, settings.weights)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the training rows, what is nearest, and its average."""
    width = estimator.answers_.shape[1]
    scores = graph.add_blocks(matrix, width, partial(_add_average, estimator))
    if not hasattr(estimator, "classes_"):
        return scores
    return graph.add("Cast", scores, to=TensorProto.FLOAT)


def _add_average(estimator: Any, graph: OnnxGraph, matrix: str) -> str:
    """Add what `_average` does."""
    squares = add_squared_distances(graph, matrix, estimator.rows_)
    nearest_squares, nearest = graph.add_top(squares, estimator.count_)
    answers = graph.add("Gather", graph.add_constant(estimator.answers_), nearest, axis=0)
    middle = graph.add_constant(np.array([1]))
    if estimator.weights == "uniform":
        return graph.add("ReduceMean", answers, middle, keepdims=0)
    weights = _add_weights(graph, graph.add("Sqrt", nearest_squares))
    weights = graph.add("Unsqueeze", weights, graph.add_constant(np.array([2])))
    return graph.add("ReduceSum", graph.add("Mul", answers, weights), middle, keepdims=0)


def _add_weights(graph: OnnxGraph, distances: str) -> str:
    """Add what `_weigh` does."""
    same = graph.add("Equal", distances, graph.add_constant(np.array(0.0)))
    ones = graph.add_constant(np.array(1.0))
    zeros = graph.add_constant(np.array(0.0))
    is_same = graph.add("Where", same, ones, zeros)
    last = graph.add_constant(np.array([1]))
    any_same = graph.add("ReduceMax", is_same, last, keepdims=1)
    inverse = graph.add("Div", ones, graph.add("Where", same, ones, distances))
    weights = graph.add("Where", graph.add("Cast", any_same, to=TensorProto.BOOL), is_same, inverse)
    return graph.add("Div", weights, graph.add("ReduceSum", weights, last, keepdims=1))


NEIGHBORS = Family(build, add_scores, scale=True, softmax=False)
