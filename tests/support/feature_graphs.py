"""The matrix of features, by scikit-learn and by the graph, without a model behind it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression, Ridge

from registry.signature import Role, TensorSpec
from training.feature_steps import FeatureColumn, FeatureSelection
from training.features import Array, Rows, build_pipeline, describe_inputs, to_frame
from training.features.graph import add_features
from training.onnx_graph import OnnxGraph

_TYPES = {"FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING}
_TYPES |= {"INT64": TensorProto.INT64, "BOOL": TensorProto.BOOL}


def make_input(name: str, role: Role, datatype: str = "BYTES") -> TensorSpec:
    """Describe an input of one column."""
    return TensorSpec(name, datatype, (-1, 1), role)


class FeatureGraph:
    """Features fitted on training rows, and their graph."""

    def __init__(
        self,
        inputs: Sequence[TensorSpec],
        training: Rows,
        target: Array,
        declared: Sequence[FeatureColumn] = (),
        selection: FeatureSelection | None = None,
        *,
        scale: bool = False,
    ) -> None:
        self.inputs = describe_inputs(tuple(inputs), training)
        estimator: Any = Ridge() if target.dtype.kind == "f" else LogisticRegression()
        self.pipeline = build_pipeline(
            self.inputs, estimator, scale=scale, declared=declared, selection=selection
        )
        self.steps = self.pipeline[:-1]
        self.fitted = self.steps.fit_transform(to_frame(training), target)
        self._session = onnxruntime.InferenceSession(self._write())

    def _write(self) -> bytes:
        graph = OnnxGraph([spec.name for spec in self.inputs])
        matrix = add_features(graph, self.pipeline, self.inputs)
        graph.add("Identity", matrix, output="matrix")
        values = [
            helper.make_tensor_value_info(spec.name, _TYPES[spec.datatype], [None, 1])
            for spec in self.inputs
        ]
        output = helper.make_tensor_value_info("matrix", TensorProto.DOUBLE, [None, None])
        model = graph.to_model(values, [output])
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def by_pipeline(self, rows: Rows) -> Array:
        """Ask the steps of scikit-learn."""
        return np.asarray(self.steps.transform(to_frame(rows)))

    def by_graph(self, rows: Rows) -> Array:
        """Ask the graph."""
        feeds = {name: values[:, np.newaxis] for name, values in rows.items()}
        (matrix,) = self._session.run(None, feeds)
        return np.asarray(matrix)

    def check(self, rows: Rows) -> Array:
        """Hold both sides equal to the last bit; return what they say."""
        wanted = self.by_pipeline(rows)
        np.testing.assert_array_equal(self.by_graph(rows), wanted)
        return wanted
