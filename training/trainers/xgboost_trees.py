"""Boosted trees by XGBoost, if that is installed."""

import json
from importlib import import_module
from typing import Any, Self

import numpy as np
from onnx import TensorProto
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor

from registry.signature import Task
from training.catalog.settings import XgboostSettings
from training.onnx_graph import Array, OnnxGraph
from training.trainers.coded_classes import CodedClassifier, compute_softmax
from training.trainers.family import Family
from training.trainers.scaled_target import add_unscaled, scale_target
from training.trainers.tree_ensemble import Tree, add_trees, make_constant_tree


class SummedXgboost(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Adds up the leaves that XGBoost finds in FP64.

    XGBoost's own sum is in FP32, where the error of thousands of trees shows in the fifth digit
    of a probability.

    Args:
        model: The XGBRegressor or, for classes 0, 1, 2..., the XGBClassifier to fit.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and values or codes [rows]."""
        self.model_ = clone(self.model).fit(X, y, sample_weight=sample_weight)
        # The base score is the tree of one leaf that comes first.
        self.base_, *self.trees_ = _read_trees(self.model_.get_booster())
        return self

    def predict(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the values, FP64 [rows]."""
        return self._add_up(X)[:, 0]

    def decision_function(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the score of the second of two codes [rows], or of each [rows, codes]."""
        sums = self._add_up(X)
        # The first of two codes has the score 0 in every row.
        return sums[:, 1] if sums.shape[1] == 2 else sums  # noqa: PLR2004  two codes

    def predict_proba(self, X: Array) -> Array:  # noqa: N803  the same
        """Return the probabilities of the codes, FP64 [rows, classes]."""
        return compute_softmax(self._add_up(X))

    def _add_up(self, rows: Array) -> Array:
        total = np.repeat(self.base_.weights, len(rows), axis=0)
        leaves = self.model_.apply(rows).reshape(len(rows), -1).astype(int)
        for tree, nodes in zip(self.trees_, leaves.T, strict=True):
            total += tree.weights[nodes]
        return total


def build(settings: XgboostSettings, task: Task, seed: int) -> Any:
    """Build the boosting; every round runs, on one thread."""
    xgboost = import_module("xgboost")
    options = {
        "n_estimators": settings.iterations,
        "learning_rate": settings.learning_rate,
        "max_depth": settings.max_depth,
        "min_child_weight": settings.min_child_weight,
        "reg_lambda": settings.regularization,
        "subsample": settings.row_share,
        "colsample_bytree": settings.column_share,
        "random_state": seed % 2**31,
        "n_jobs": 1,
        "tree_method": "hist",
        "device": "cpu",
    }
    if task is Task.REGRESSION:
        # It learns in FP32, which is too coarse for values far from 0 beside their spread.
        return scale_target(SummedXgboost(xgboost.XGBRegressor(**options)))
    model = SummedXgboost(xgboost.XGBClassifier(**options))
    return CodedClassifier(model, settings.class_weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the trees: their sum is the value, or what softmax makes probabilities of."""
    is_regressor = isinstance(estimator, TransformedTargetRegressor)
    model = estimator.regressor_ if is_regressor else estimator.model_
    # XGBoost looks at FP32, and a value that equals the threshold goes right.
    columns = graph.add_rounding(matrix)
    sums = add_trees(graph, columns, [model.base_, *model.trees_], strict=True)
    if not is_regressor:
        return sums
    return add_unscaled(graph, estimator, graph.add("Cast", sums, to=TensorProto.DOUBLE))


def _read_trees(booster: Any) -> list[Tree]:
    """Read the base score and the trees; each adds to one class, or to the value."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    base = np.array(json.loads(learner["learner_model_param"]["base_score"]), np.float64)
    first = 0
    if learner["objective"]["name"] == "binary:logistic":
        # Of two classes XGBoost scores the second, with its probability for a base; softmax
        # over (0, score) is its sigmoid.
        base, first = np.hstack([0.0, np.log(base / (1 - base))]), 1
    model = learner["gradient_booster"]["model"]
    pairs = zip(model["trees"], model["tree_info"], strict=True)
    trees = [_to_tree(tree, first + output, len(base)) for tree, output in pairs]
    return [make_constant_tree(base), *trees]


def _to_tree(tree: dict[str, Any], output: int, outputs: int) -> Tree:
    left = np.array(tree["left_children"])
    # One list holds the thresholds of branches and the values of leaves, in FP32.
    conditions = np.array(tree["split_conditions"], np.float32).astype(np.float64)
    weights = np.zeros((len(left), outputs))
    weights[:, output] = conditions
    return Tree(
        feature=np.array(tree["split_indices"]),
        threshold=conditions,
        left=left,
        right=np.array(tree["right_children"]),
        is_leaf=left == -1,
        weights=weights,
        missing_left=np.array(tree["default_left"]),
    )


XGBOOST = Family(build, add_scores, scale=False, softmax=True)
