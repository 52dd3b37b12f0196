"""Decision trees to one ONNX node.

The node works in FP64, as scikit-learn does: thresholds are exactly those that were learned,
and the leaves of hundreds of trees are summed without the rounding of FP32, which matters
where the sum is large and its differences are small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import numpy_helper

from training.onnx_graph import Array, OnnxGraph


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as arrays over its nodes, the root first.

    Attributes:
        feature: [nodes] The column to look at; anything at a leaf.
        threshold: [nodes] What goes left is at or under it, or, if the ensemble is strict, under
            it; anything at a leaf.
        left: [nodes] The left child; anything at a leaf.
        right: [nodes] The right child; likewise.
        is_leaf: [nodes] Whether the node is a leaf.
        weights: [nodes, outputs] What a leaf adds to each output.
        missing_left: [nodes] Whether NaN goes left; to the right everywhere if None.
    """

    feature: Array
    threshold: Array
    left: Array
    right: Array
    is_leaf: Array
    weights: Array
    missing_left: Array | None = None


def make_constant_tree(weights: Array) -> Tree:
    """Make a tree of one leaf, which adds the same weights [outputs] to every row.

    ONNX Runtime forgets the node's own base value of an output that no leaf adds to.
    """
    nothing = np.zeros(1, int)
    return Tree(nothing, nothing, nothing, nothing, np.ones(1, bool), weights[np.newaxis])


def add_trees(
    graph: OnnxGraph,
    matrix: str,
    trees: Sequence[Tree],
    *,
    average: bool = False,
    strict: bool = False,
) -> str:
    """Add the node of an ensemble.

    Args:
        graph: Where to.
        matrix: The name of an FP64 tensor [rows, columns].
        trees: All of one number of outputs.
        average: Whether the sum is divided by the number of trees.
        strict: Whether what equals a threshold goes right.

    Returns:
        The name of an FP32 tensor [rows, outputs].
    """
    return graph.add(
        "TreeEnsembleRegressor",
        matrix,
        domain="ai.onnx.ml",
        n_targets=trees[0].weights.shape[1],
        aggregate_function="AVERAGE" if average else "SUM",
        **_describe_nodes(trees, "BRANCH_LT" if strict else "BRANCH_LEQ"),
        **_describe_leaves(trees),
    )


def _describe_nodes(trees: Sequence[Tree], branch: str) -> dict[str, Any]:
    leaves = np.concatenate([tree.is_leaf for tree in trees])

    def join(field: str) -> Array:
        values = np.concatenate([getattr(tree, field) for tree in trees])
        return np.where(leaves, 0, values)

    nodes = {
        "nodes_treeids": np.repeat(np.arange(len(trees)), [len(t.is_leaf) for t in trees]).tolist(),
        "nodes_nodeids": np.concatenate([np.arange(len(t.is_leaf)) for t in trees]).tolist(),
        "nodes_modes": np.where(leaves, "LEAF", branch).tolist(),
        "nodes_featureids": join("feature").tolist(),
        "nodes_truenodeids": join("left").tolist(),
        "nodes_falsenodeids": join("right").tolist(),
        "nodes_values_as_tensor": numpy_helper.from_array(join("threshold").astype(np.float64)),
    }
    missing = np.concatenate([_find_missing_left(tree) for tree in trees])
    # Without the attribute NaN goes right.
    return nodes | {"nodes_missing_value_tracks_true": missing.tolist()} if any(missing) else nodes


def _find_missing_left(tree: Tree) -> Array:
    if tree.missing_left is None:
        return np.zeros(len(tree.is_leaf), int)
    return (tree.missing_left.astype(bool) & ~tree.is_leaf).astype(int)


def _describe_leaves(trees: Sequence[Tree]) -> dict[str, Any]:
    """List what is added where."""
    places = [np.nonzero(_find_entries(tree)) for tree in trees]
    weights = [tree.weights[place] for tree, place in zip(trees, places, strict=True)]
    counts = [len(nodes) for nodes, _ in places]
    return {
        "target_treeids": np.repeat(np.arange(len(trees)), counts).tolist(),
        "target_nodeids": np.concatenate([nodes for nodes, _ in places]).tolist(),
        "target_ids": np.concatenate([outputs for _, outputs in places]).tolist(),
        "target_weights_as_tensor": numpy_helper.from_array(
            np.concatenate(weights).astype(np.float64)
        ),
    }


def _find_entries(tree: Tree) -> Array:
    """Find the weights to list: those of leaves, without the zeros of classes that miss there.

    A leaf of nothing but zeros lists the first, so that every leaf has an entry.
    """
    wanted: Array = (tree.weights != 0) & tree.is_leaf[:, np.newaxis]
    wanted[tree.is_leaf & ~wanted.any(axis=1), 0] = True
    return wanted
