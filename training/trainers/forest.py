"""Random forests."""

from typing import Any

from onnx import TensorProto
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from registry.signature import Task
from training.catalog import RandomForestSettings
from training.onnx_graph import OnnxGraph
from training.trainers.family import Family
from training.trainers.tree_ensemble import Tree, add_trees


def build(settings: RandomForestSettings, task: Task, seed: int) -> Any:
    """Build a forest."""
    options = {
        "n_estimators": settings.trees,
        "max_depth": settings.max_depth,
        "min_samples_leaf": settings.min_samples_leaf,
        "random_state": seed,
    }
    if task is Task.REGRESSION:
        return RandomForestRegressor(**options)
    weight = None if settings.class_weight == "none" else settings.class_weight
    return RandomForestClassifier(**options, class_weight=weight)


def add_scores(graph: OnnxGraph, estimator: Any, matrix: str) -> str:
    """Add a forest: the average of the classes' shares, or values, in the leaves."""
    # scikit-learn's trees look at FP32, and so do these, before thresholds of FP64.
    rounded = graph.add("Cast", matrix, to=TensorProto.FLOAT)
    columns = graph.add("Cast", rounded, to=TensorProto.DOUBLE)
    trees = [_to_tree(member.tree_) for member in estimator.estimators_]
    return add_trees(graph, columns, trees, average=True)


def _to_tree(tree: Any) -> Tree:
    return Tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        is_leaf=tree.children_left == -1,
        weights=tree.value[:, 0, :],
    )


FOREST = Family(build, add_scores, scale=False, softmax=False)
