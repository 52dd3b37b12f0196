"""Numbers of different units to comparable ones; sums and products, exact before trees too."""

from typing import Any

from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from training.onnx_graph import OnnxGraph

_SCALERS = {"standard": StandardScaler, "min_max": MinMaxScaler, "robust": RobustScaler}


def build_scaler(name: str) -> Any:
    """Build a scaler: standard, min_max or robust."""
    return _SCALERS[name]()


def add_scaler(graph: OnnxGraph, step: Any, matrix: str) -> str:
    """Add a fitted scaler, by the operations that it does itself, in their order."""
    if isinstance(step, MinMaxScaler):
        matrix = graph.add("Mul", matrix, graph.add_constant(step.scale_))
        return graph.add("Add", matrix, graph.add_constant(step.min_))
    center = step.mean_ if isinstance(step, StandardScaler) else step.center_
    matrix = graph.add("Sub", matrix, graph.add_constant(center))
    return graph.add("Div", matrix, graph.add_constant(step.scale_))
