"""A fitted pipeline to one ONNX graph that takes raw columns by their real names.

The graph is written here, in `training.features` and in `training.trainers` rather than by a
general converter: it computes in FP64 what scikit-learn computes in FP64, so both agree to the
last digit of the FP32 that goes out, and every node is one that the features or the estimator
ask for.

Inputs are tensors [-1, 1], one per feature. Outputs of classification are `label` [-1], of the
target's type, and `probabilities` FP32 [-1, classes]; of regression `value` FP32 [-1, 1].
"""

import onnx
from onnx import TensorProto, ValueInfoProto, helper
from sklearn.pipeline import Pipeline

from registry.signature import Signature, Task, TensorSpec
from training.features.graph import add_features
from training.onnx_graph import Array, OnnxGraph
from training.roles import OUTPUT_NAMES
from training.trainers.family import Family

_ONNX_TYPES = {
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "INT64": TensorProto.INT64,
    "BOOL": TensorProto.BOOL,
    "BYTES": TensorProto.STRING,
}
_DATATYPES = {"O": "BYTES", "i": "INT64", "b": "BOOL"}


def describe_signature(inputs: tuple[TensorSpec, ...], classes: Array | None) -> Signature:
    """Describe what goes in and comes out; classes are None for regression."""
    if classes is None:
        return Signature(inputs, (TensorSpec("value", "FP32", (-1, 1)),))
    label, probabilities = OUTPUT_NAMES[Task.CLASSIFICATION]
    return Signature(
        inputs,
        (
            TensorSpec(label, _DATATYPES[classes.dtype.kind], (-1,)),
            TensorSpec(probabilities, "FP32", (-1, len(classes))),
        ),
    )


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
    scores = family.add_scores(graph, pipeline["estimator"], matrix)
    _add_outputs(graph, scores, getattr(pipeline["estimator"], "classes_", None), family)
    model = graph.to_model(
        [_to_value_info(spec) for spec in signature.inputs],
        [_to_value_info(spec) for spec in signature.outputs],
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _to_value_info(spec: TensorSpec) -> ValueInfoProto:
    shape = [None if size < 0 else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, _ONNX_TYPES[spec.datatype], shape)


def _add_outputs(graph: OnnxGraph, scores: str, classes: Array | None, family: Family) -> None:
    if classes is None:
        graph.add("Cast", scores, output=OUTPUT_NAMES[Task.REGRESSION][0], to=TensorProto.FLOAT)
        return
    label, probabilities = OUTPUT_NAMES[Task.CLASSIFICATION]
    # Looked up in a table of the target's type, so that booleans stay booleans.
    best = graph.add("ArgMax", scores, axis=1, keepdims=0)
    graph.add("Gather", graph.add_constant(classes), best, output=label)
    if family.softmax:
        scores = graph.add("Softmax", scores, axis=1)
    graph.add("Cast", scores, output=probabilities, to=TensorProto.FLOAT)
