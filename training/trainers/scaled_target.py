"""Regressors whose settings mean the same whatever the unit of the target.

They learn the target in standard deviations from its mean, and answer in its own unit.
"""

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from training.onnx_graph import OnnxGraph


def scale_target(regressor: Any) -> TransformedTargetRegressor:
    """Put a regressor behind the scaling of its target."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def add_unscaled(graph: OnnxGraph, estimator: TransformedTargetRegressor, values: str) -> str:
    """Add the way back, from the name of scaled values FP64 [rows, 1] to that of values."""
    scaler = estimator.transformer_
    values = graph.add("Mul", values, graph.add_constant(np.asarray(scaler.scale_)))
    return graph.add("Add", values, graph.add_constant(np.asarray(scaler.mean_)))
