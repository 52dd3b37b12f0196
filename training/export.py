"""A fitted pipeline to one ONNX graph that takes raw columns by their real names.

The graph is written here, in `training.features` and in `training.trainers` rather than by a
general converter: it computes in FP64 what scikit-learn computes in FP64, so both agree to the
last digit of the FP32 that goes out, and every node is one that the features or the estimator
ask for.

Inputs are tensors [-1, 1], one per feature. Outputs of classification are `label` [-1], of the
target's type, and `probabilities` FP32 [-1, classes]; of regression `value` FP32 [-1, targets]; of
multilabel classification `labels` [-1, targets], BOOL if all targets are and else INT64, and
`probabilities` FP32 [-1, targets], of each label that it holds.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, ValueInfoProto, helper
from sklearn.pipeline import Pipeline

from registry.signature import Signature, Task, TensorSpec
from training.features.graph import add_features
from training.onnx_graph import Array, OnnxGraph
from training.roles import OUTPUT_NAMES
from training.trainers.calibrated import add_calibrated, is_calibrated
from training.trainers.family import Family
from training.trainers.several import take_apart

_ONNX_TYPES = {
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "INT64": TensorProto.INT64,
    "BOOL": TensorProto.BOOL,
    "BYTES": TensorProto.STRING,
}
_DATATYPES = {"O": "BYTES", "i": "INT64", "b": "BOOL"}


def describe_signature(
    inputs: tuple[TensorSpec, ...], task: Task, target: Array, classes: int
) -> Signature:
    """Describe what goes in and comes out.

    Args:
        inputs: What goes in.
        task: What is predicted.
        target: [rows] or [rows, targets] What it was learned from.
        classes: How many classes there are; only counts for a classification of one target.
    """
    names = OUTPUT_NAMES[task]
    width = 1 if target.ndim == 1 else target.shape[1]
    if task is Task.REGRESSION:
        return Signature(inputs, (TensorSpec(names[0], "FP32", (-1, width)),))
    shape, columns = ((-1,), classes) if task is Task.CLASSIFICATION else ((-1, width), width)
    label = TensorSpec(names[0], _DATATYPES[target.dtype.kind], shape)
    return Signature(inputs, (label, TensorSpec(names[1], "FP32", (-1, columns))))


def export_pipeline(pipeline: Pipeline, signature: Signature, family: Family) -> bytes:
    """Write a fitted pipeline as an ONNX file.

    Args:
        pipeline: By `training.features.build_pipeline`.
        signature: Its inputs and outputs, by `describe_signature`.
        family: The estimator's family.

    Returns:
        The file, checked; the same for the same pipeline.
    """
    specs = (*signature.inputs, *signature.outputs)
    graph = OnnxGraph(spec.name for spec in specs)
    matrix = add_features(graph, pipeline, signature.inputs)
    _add_outputs(graph, pipeline["estimator"], matrix, signature, family)
    model = graph.to_model(
        [_to_value_info(spec) for spec in signature.inputs],
        [_to_value_info(spec) for spec in signature.outputs],
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _to_value_info(spec: TensorSpec) -> ValueInfoProto:
    shape = [None if size < 0 else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, _ONNX_TYPES[spec.datatype], shape)


def _add_outputs(
    graph: OnnxGraph, estimator: Any, matrix: str, signature: Signature, family: Family
) -> None:
    parts = take_apart(estimator)
    if signature.outputs[0].name == OUTPUT_NAMES[Task.REGRESSION][0]:
        values = graph.join([family.add_scores(graph, part, matrix) for part in parts])
        graph.add("Cast", values, output=signature.outputs[0].name, to=TensorProto.FLOAT)
    elif signature.outputs[0].name == OUTPUT_NAMES[Task.CLASSIFICATION][0]:
        _add_classes(graph, *_add_scores(graph, parts[0], matrix, family), parts[0].classes_)
    else:
        scores = [_add_scores(graph, part, matrix, family) for part in parts]
        _add_labels(graph, scores, signature.outputs[0])


def _add_scores(graph: OnnxGraph, estimator: Any, matrix: str, family: Family) -> tuple[str, str]:
    """Add a classifier; return what is largest for its class, and the probabilities."""
    if is_calibrated(estimator):
        probabilities = add_calibrated(graph, estimator, matrix, family)
        return probabilities, probabilities
    scores = family.add_scores(graph, estimator, matrix)
    return scores, graph.add("Softmax", scores, axis=1) if family.softmax else scores


def _add_classes(graph: OnnxGraph, scores: str, probabilities: str, classes: Array) -> None:
    label, share = OUTPUT_NAMES[Task.CLASSIFICATION]
    # Looked up in a table of the target's type, so that booleans stay booleans.
    best = graph.add("ArgMax", scores, axis=1, keepdims=0)
    graph.add("Gather", graph.add_constant(classes), best, output=label)
    graph.add("Cast", probabilities, output=share, to=TensorProto.FLOAT)


def _add_labels(graph: OnnxGraph, scores: list[tuple[str, str]], spec: TensorSpec) -> None:
    """Add the outputs of many labels, each with two classes: that it does not hold, and does."""
    labels, share = OUTPUT_NAMES[Task.MULTILABEL_CLASSIFICATION]
    best = [graph.add("ArgMax", score, axis=1, keepdims=1) for score, _ in scores]
    graph.add("Cast", graph.join(best), output=labels, to=_ONNX_TYPES[spec.datatype])
    second = graph.add_constant(np.array([1]))
    holds = [graph.add("Gather", both, second, axis=1) for _, both in scores]
    graph.add("Cast", graph.join(holds), output=share, to=TensorProto.FLOAT)
