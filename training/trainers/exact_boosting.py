"""Gradient boosting that tries every threshold, for small tables."""

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from registry.signature import Task
from training.catalog.settings import ExactGradientBoostingSettings
from training.onnx_graph import OnnxGraph
from training.trainers.coded_classes import CodedClassifier
from training.trainers.family import Family
from training.trainers.forests import to_tree
from training.trainers.tree_ensemble import Tree, add_trees, make_constant_tree


def build(settings: ExactGradientBoostingSettings, task: Task, seed: int) -> Any:
    """Build the boosting; every round runs, so that the settings alone say how many."""
    options = {
        "n_estimators": settings.iterations,
        "learning_rate": settings.learning_rate,
        "max_depth": settings.max_depth,
        "min_samples_leaf": settings.min_samples_leaf,
        "subsample": settings.row_share,
        "random_state": seed,
    }
    if task is Task.REGRESSION:
        return GradientBoostingRegressor(**options)
    return CodedClassifier(GradientBoostingClassifier(**options), settings.class_weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the trees: their sum is the value, or what softmax makes probabilities of."""
    if isinstance(estimator, CodedClassifier):
        estimator = estimator.model_
    # What every row starts from is the same: the mean, or the logarithms of the classes' shares.
    row = np.zeros((1, estimator.n_features_in_), np.float32)
    base = np.ravel(estimator._raw_predict_init(row))  # noqa: SLF001  there is no public way
    first = 0
    if hasattr(estimator, "classes_") and len(base) == 1:
        # Of two classes scikit-learn scores the second; softmax over (0, score) is its sigmoid.
        base, first = np.hstack([0.0, base]), 1
    trees = [make_constant_tree(base)]
    trees += [
        _to_step(member.tree_, estimator.learning_rate, output, len(base))
        for members in estimator.estimators_
        for output, member in enumerate(members, start=first)
    ]
    return add_trees(graph, graph.add_rounding(matrix), trees)


def _to_step(fitted: Any, learning_rate: float, output: int, outputs: int) -> Tree:
    tree = to_tree(fitted)
    weights = np.zeros((len(tree.is_leaf), outputs))
    weights[:, output] = tree.weights[:, 0] * learning_rate
    return replace(tree, weights=weights)


EXACT_BOOSTING = Family(build, add_scores, scale=False, softmax=True)
