"""Trees of scikit-learn that are averaged: random forests, extra trees, and a single tree."""

from typing import Any

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from registry.signature import Task
from training.catalog.settings import DecisionTreeSettings, ForestSettings
from training.onnx_graph import OnnxGraph
from training.trainers.family import Family
from training.trainers.tree_ensemble import Tree, add_trees


def build_random_forest(settings: ForestSettings, task: Task, seed: int) -> Any:
    """Build a random forest."""
    options = _list_options(settings, task, seed) | {"n_estimators": settings.trees}
    if task is Task.REGRESSION:
        return RandomForestRegressor(**options)
    return RandomForestClassifier(**options)


def build_extra_trees(settings: ForestSettings, task: Task, seed: int) -> Any:
    """Build extremely randomized trees."""
    options = _list_options(settings, task, seed) | {"n_estimators": settings.trees}
    if task is Task.REGRESSION:
        return ExtraTreesRegressor(**options)
    return ExtraTreesClassifier(**options)


def build_tree(settings: DecisionTreeSettings, task: Task, seed: int) -> Any:
    """Build a single tree."""
    options = _list_options(settings, task, seed)
    if task is Task.REGRESSION:
        return DecisionTreeRegressor(**options)
    return DecisionTreeClassifier(**options)


def _list_options(
    settings: ForestSettings | DecisionTreeSettings, task: Task, seed: int
) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_depth": settings.max_depth,
        "min_samples_leaf": settings.min_samples_leaf,
        "random_state": seed,
    }
    if task is Task.REGRESSION:
        return options
    weight = None if settings.class_weight == "none" else settings.class_weight
    return options | {"class_weight": weight}


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add the average of the classes' shares, or of the values, in the leaves."""
    members = getattr(estimator, "estimators_", [estimator])
    trees = [to_tree(member.tree_) for member in members]
    return add_trees(graph, graph.add_rounding(matrix), trees, average=True)


def to_tree(tree: Any) -> Tree:
    """Read a fitted tree of scikit-learn, which looks at FP32; its leaves hold [1, outputs]."""
    return Tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        is_leaf=tree.children_left == -1,
        weights=tree.value[:, 0, :],
        missing_left=tree.missing_go_to_left,
    )


RANDOM_FOREST = Family(build_random_forest, add_scores, scale=False, softmax=False)
EXTRA_TREES = Family(build_extra_trees, add_scores, scale=False, softmax=False)
DECISION_TREE = Family(build_tree, add_scores, scale=False, softmax=False)
