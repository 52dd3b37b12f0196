"""Boosted trees by LightGBM, if that is installed."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from registry.signature import Task
from training.catalog.settings import LightgbmSettings
from training.onnx_graph import OnnxGraph
from training.trainers.family import Family
from training.trainers.tree_ensemble import Tree, add_trees, make_constant_tree


def build(settings: LightgbmSettings, task: Task, seed: int) -> Any:
    """Build the boosting; every round runs, on one thread and in one order."""
    lightgbm = import_module("lightgbm")
    options = {
        "n_estimators": settings.iterations,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.max_leaves,
        "min_child_samples": settings.min_samples_leaf,
        "reg_lambda": settings.regularization,
        "subsample": settings.row_share,
        "subsample_freq": 1,
        "colsample_bytree": settings.column_share,
        "random_state": seed % 2**31,
        "n_jobs": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    if task is Task.REGRESSION:
        return lightgbm.LGBMRegressor(**options)
    weight = None if settings.class_weight == "none" else settings.class_weight
    return lightgbm.LGBMClassifier(**options, class_weight=weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the trees: their sum is the value, or what softmax makes probabilities of."""
    model = estimator.booster_.dump_model()
    per_round = model["num_tree_per_iteration"]
    # Of two classes LightGBM scores the second; softmax over (0, score) is its sigmoid.
    first = 1 if hasattr(estimator, "classes_") and per_round == 1 else 0
    trees = [make_constant_tree(np.zeros(first + per_round))]
    trees += [
        _to_tree(tree["tree_structure"], first + tree["tree_index"] % per_round, first + per_round)
        for tree in model["tree_info"]
    ]
    return add_trees(graph, matrix, trees)


def _to_tree(root: dict[str, Any], output: int, outputs: int) -> Tree:
    """Read nested nodes; a feature's value that equals the threshold goes left, in FP64."""
    nodes = list(_walk(root))
    places = {id(node): place for place, node in enumerate(nodes)}
    weights = np.zeros((len(nodes), outputs))
    weights[:, output] = [node.get("leaf_value", 0.0) for node in nodes]
    return Tree(
        feature=np.array([node.get("split_feature", 0) for node in nodes]),
        threshold=np.array([node.get("threshold", 0.0) for node in nodes]),
        left=np.array([places.get(id(node.get("left_child")), 0) for node in nodes]),
        right=np.array([places.get(id(node.get("right_child")), 0) for node in nodes]),
        is_leaf=np.array(["split_feature" not in node for node in nodes]),
        weights=weights,
        missing_left=np.array([_goes_left_if_missing(node) for node in nodes]),
    )


def _walk(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [node[side] for side in ("right_child", "left_child") if side in node]


def _goes_left_if_missing(node: dict[str, Any]) -> bool:
    if "split_feature" not in node:
        return False
    # Where nothing was missing in training LightGBM takes NaN for 0.
    return bool(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)


LIGHTGBM = Family(build, add_scores, scale=False, softmax=True)
