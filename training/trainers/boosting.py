"""Gradient boosting on histograms, which stays fast on large tables."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from registry.signature import Task
from training.catalog.settings import GradientBoostingSettings
from training.onnx_graph import Array, OnnxGraph
from training.trainers.family import Family
from training.trainers.tree_ensemble import Tree, add_trees, make_constant_tree


def build(settings: GradientBoostingSettings, task: Task, seed: int) -> Any:
    """Build the boosting; every round runs, so that the settings alone say how many."""
    options = {
        "max_iter": settings.iterations,
        "learning_rate": settings.learning_rate,
        "max_leaf_nodes": settings.max_leaves,
        "min_samples_leaf": settings.min_samples_leaf,
        "l2_regularization": settings.regularization,
        "early_stopping": False,
        "random_state": seed,
        # Categories come one-hot: this table is all numbers.
        "categorical_features": None,
    }
    if task is Task.REGRESSION:
        return HistGradientBoostingRegressor(**options)
    weight = None if settings.class_weight == "none" else settings.class_weight
    return HistGradientBoostingClassifier(**options, class_weight=weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the trees: their sum is the value, or what softmax makes probabilities of."""
    base = np.ravel(estimator._baseline_prediction)  # noqa: SLF001  scikit-learn has no public way
    rounds = estimator._predictors  # noqa: SLF001  the same
    first = 0
    if hasattr(estimator, "classes_") and len(base) == 1:
        # Of two classes scikit-learn scores the second; softmax over (0, score) is its sigmoid.
        base, first = np.hstack([0.0, base]), 1
    trees = [make_constant_tree(base)]
    trees += [
        _to_tree(member.nodes, output, len(base))
        for members in rounds
        for output, member in enumerate(members, start=first)
    ]
    return add_trees(graph, matrix, trees)


def _to_tree(nodes: Array, output: int, outputs: int) -> Tree:
    weights = np.zeros((len(nodes), outputs))
    weights[:, output] = nodes["value"]
    return Tree(
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=nodes["left"],
        right=nodes["right"],
        is_leaf=nodes["is_leaf"].astype(bool),
        weights=weights,
        missing_left=nodes["missing_go_to_left"],
    )


BOOSTING = Family(build, add_scores, scale=False, softmax=True)
