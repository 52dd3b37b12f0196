"""One estimator as a graph of its own, without the features before it."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from registry.signature import Task
from training.catalog import check_settings
from training.onnx_graph import Array, OnnxGraph
from training.parity import open_session
from training.trainers import FAMILIES


def build(trainer: str, task: Task, **settings: Any) -> Any:
    """Build an unfitted estimator."""
    return FAMILIES[trainer].build(check_settings(trainer, settings), task, 0)


def score(trainer: str, estimator: Any, rows: Array) -> Array:
    """Run the graph of a fitted estimator on FP64 [rows, columns].

    Returns:
        FP32 [rows, classes or 1], probabilities for classes.
    """
    graph = OnnxGraph(["rows", "scores"])
    family = FAMILIES[trainer]
    scores = family.add_scores(graph, estimator, "rows")
    if family.softmax and hasattr(estimator, "classes_"):
        scores = graph.add("Softmax", scores, axis=1)
    graph.add("Cast", scores, to=TensorProto.FLOAT, output="scores")
    model = graph.to_model(
        [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, rows.shape[1]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, None])],
    )
    (answers,) = open_session(model.SerializeToString()).run(None, {"rows": rows})
    return np.asarray(answers)
