"""Numbers and booleans: what a declaration asks for, one small step after the other.

A number that is not finite, or beyond the range of FP32, counts as missing, so that no input
makes the estimator refuse. Every step computes in FP64 with the same operations here and in
the graph; where a library function may differ in its last bit (a logarithm), both sides round
to FP32 afterwards, so that no threshold of a tree falls between the two.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
from onnx import TensorProto
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from registry.signature import TensorSpec
from training.feature_steps import NumericSteps
from training.features import bins, polynomial, scaling
from training.features.rows import Array
from training.onnx_graph import OnnxGraph

LARGEST_NUMBER = float(np.finfo(np.float32).max)

_STRATEGIES = {"": "median", "constant": "constant", "mean": "mean", "median": "median"}
_STRATEGIES["most_frequent"] = "most_frequent"
_ORDER = ("FP32", "FP64", "INT64", "BOOL")


def order_numbers(inputs: list[TensorSpec]) -> list[TensorSpec]:
    """Put those of one type together, so that few nodes serve many columns."""
    return sorted(inputs, key=lambda spec: _ORDER.index(spec.datatype))


def build_numbers(steps: NumericSteps, default_scale: str) -> Pipeline:
    """Build the steps of columns with one declaration; their names are keys of the writers."""
    scale = steps.scale or ("none" if steps.bins and not _is_ordinal(steps) else default_scale)
    parts: list[tuple[str, Any]] = [
        ("finite", FunctionTransformer(to_finite_matrix)),
        # A column without values in the training rows is kept as zeros: it stays an input.
        ("impute", build_imputer(steps)),
    ]
    if steps.clip_minimum is not None or steps.clip_maximum is not None:
        bounds = {"low": steps.clip_minimum, "high": steps.clip_maximum}
        parts.append(("clip", FunctionTransformer(_clip, kw_args=bounds)))
    if steps.log:
        parts.append(("log", FunctionTransformer(_take_log)))
    if steps.bins:
        parts.append(("bins", bins.build_bins(steps)))
    if scale != "none":
        parts.append(("scale", scaling.build_scaler(scale)))
    if steps.polynomial_degree:
        parts.append(("polynomial", polynomial.build_products(steps.polynomial_degree)))
    if steps.scale or steps.polynomial_degree:
        # Trees look at FP32: what grew beyond it must not become infinite there.
        parts.append(("bound", FunctionTransformer(_clip, kw_args=_BOUNDS)))
    return Pipeline(parts)


_BOUNDS = {"low": -LARGEST_NUMBER, "high": LARGEST_NUMBER}


def _is_ordinal(steps: NumericSteps) -> bool:
    return steps.bin_encoding == "ordinal"


def build_imputer(steps: NumericSteps) -> SimpleImputer:
    """Build what fills in numbers that miss."""
    strategy = _STRATEGIES[steps.impute]
    fill = steps.constant if strategy == "constant" else None
    return SimpleImputer(strategy=strategy, fill_value=fill, keep_empty_features=True)


def to_finite_matrix(frame: pl.DataFrame) -> Array:
    """Make a matrix of FP64 whose unusable numbers are NaN."""
    matrix = frame.select(pl.all().cast(pl.Float64)).to_numpy()
    return np.where(np.abs(matrix) <= LARGEST_NUMBER, matrix, np.nan)


def _clip(matrix: Array, low: float | None, high: float | None) -> Array:
    return np.clip(matrix, low, high)


def _take_log(matrix: Array) -> Array:
    log = np.sign(matrix) * np.log(1.0 + np.abs(matrix))
    return log.astype(np.float32).astype(np.float64)


def add_numbers(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add the steps that `build_numbers` built; return the name of their FP64 matrix."""
    matrix = _add_matrix(graph, inputs)
    for name, step in steps.steps[1:]:
        matrix = _WRITERS[name](graph, step, matrix)
    return matrix


def add_indicator(graph: OnnxGraph, steps: Pipeline, inputs: list[TensorSpec]) -> str:
    """Add what tells 1 where a number misses, else 0; return the name of its FP64 matrix."""
    del steps
    absent = graph.add("Not", _add_present(graph, _add_matrix(graph, inputs)))
    return graph.add("Cast", absent, to=TensorProto.DOUBLE)


def _add_matrix(graph: OnnxGraph, inputs: list[TensorSpec]) -> str:
    groups = groupby(inputs, key=lambda spec: spec.datatype)
    joined = [graph.join([spec.name for spec in group]) for _, group in groups]
    return graph.join([graph.add("Cast", part, to=TensorProto.DOUBLE) for part in joined])


def _add_present(graph: OnnxGraph, matrix: str) -> str:
    """Tell what is there; NaN is not <= anything, so one comparison finds all of it."""
    limit = graph.add_constant(np.array(LARGEST_NUMBER))
    return graph.add("LessOrEqual", graph.add("Abs", matrix), limit)


def _add_imputer(graph: OnnxGraph, step: SimpleImputer, matrix: str) -> str:
    # Constants come as objects.
    filling = graph.add_constant(step.statistics_.astype(np.float64))
    return graph.add("Where", _add_present(graph, matrix), matrix, filling)


def _add_clip(graph: OnnxGraph, step: FunctionTransformer, matrix: str) -> str:
    bounds = (step.kw_args["low"], step.kw_args["high"])
    # A whole number would become a constant of another type.
    names = [
        "" if bound is None else graph.add_constant(np.array(bound, np.float64)) for bound in bounds
    ]
    return graph.add("Clip", matrix, *names)


def _add_log(graph: OnnxGraph, _: Any, matrix: str) -> str:
    one = graph.add_constant(np.array(1.0))
    size = graph.add("Log", graph.add("Add", one, graph.add("Abs", matrix)))
    return graph.add_rounding(graph.add("Mul", graph.add("Sign", matrix), size))


_WRITERS: dict[str, Callable[[OnnxGraph, Any, str], str]] = {
    "impute": _add_imputer,
    "clip": _add_clip,
    "log": _add_log,
    "bins": bins.add_bins,
    "scale": scaling.add_scaler,
    "polynomial": polynomial.add_products,
    "bound": _add_clip,
}
