"""Regressors whose settings mean the same whatever the unit of the target.

They learn the target in standard deviations from its mean, and answer in its own unit.
"""

from typing import Any, Self

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from training.onnx_graph import Array, OnnxGraph


class ScaledTarget(TransformedTargetRegressor):  # type: ignore[misc]  # scikit-learn has no types
    """Says by its signature that rows may have weights, which scikit-learn asks for."""

    def fit(self, X: Array, y: Array, sample_weight: Array | None = None) -> Self:  # noqa: N803  scikit-learn's names
        """Fit to rows [rows, columns] and values [rows]."""
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return super().fit(X, y, **weights)  # type: ignore[no-any-return]  # it has no types


def scale_target(regressor: Any) -> ScaledTarget:
    """Put a regressor behind the scaling of its target."""
    return ScaledTarget(regressor, transformer=StandardScaler())


def add_unscaled(graph: OnnxGraph, estimator: TransformedTargetRegressor, values: str) -> str:
    """Add the way back, from the name of scaled values FP64 [rows, 1] to that of values."""
    scaler = estimator.transformer_
    values = graph.add("Mul", values, graph.add_constant(np.asarray(scaler.scale_)))
    return graph.add("Add", values, graph.add_constant(np.asarray(scaler.mean_)))
