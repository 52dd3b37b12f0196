"""Feature columns to the numbers an estimator learns from: one ColumnTransformer.

Numbers: what misses becomes the median of the training rows. Only linear models get them
standardized: a scaler before trees moves values across thresholds. Categories: one column per
category, at most 100, most frequent first; any other text gives zeros in all of them. A missing
text is the empty string, which is a category like any other if training rows have it.

A number that is not finite, or beyond the range of FP32, counts as missing, so that no input
makes the estimator refuse.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from registry.signature import Role, TensorSpec

MAX_CATEGORIES = 100
LARGEST_NUMBER = float(np.finfo(np.float32).max)

Array = np.ndarray[Any, Any]
Rows = dict[str, Array]
"""Input columns by name, each of shape [rows], of the type its tensor has."""

_POLARS_TYPES = {
    "FP32": pl.Float32(),
    "FP64": pl.Float64(),
    "INT64": pl.Int64(),
    "BOOL": pl.Boolean(),
    "BYTES": pl.String(),
}


def take_rows(frame: pl.DataFrame, inputs: tuple[TensorSpec, ...]) -> Rows:
    """Take a table's rows as they would come in a request.

    Numbers are rounded to the type of their input here, before anything is learned from
    them: a threshold between two training values is then right for every value served.
    """
    return {spec.name: _take_column(frame[spec.name], spec) for spec in inputs}


def _take_column(values: pl.Series, spec: TensorSpec) -> Array:
    cast = values.cast(_POLARS_TYPES[spec.datatype])
    if spec.datatype == "BYTES":
        return cast.fill_null("").to_numpy().astype(object)
    return cast.to_numpy()


def select_rows(rows: Rows, indices: Array) -> Rows:
    """Take some of the rows, in the order of their indices."""
    return {name: values[indices] for name, values in rows.items()}


def spread_rows(rows: Rows, count: int) -> Rows:
    """Take at most so many rows, evenly from the first to the last."""
    most = count_rows(rows)
    return select_rows(rows, np.linspace(0, most - 1, min(count, most), dtype=int))


def count_rows(rows: Rows) -> int:
    """Count the rows."""
    return len(next(iter(rows.values())))


def to_frame(rows: Rows) -> pl.DataFrame:
    """Make what a pipeline takes: a frame, as columns are chosen by name."""
    return pl.DataFrame(
        [
            pl.Series(name, values, pl.String if values.dtype == object else None)
            for name, values in rows.items()
        ]
    )


def describe_inputs(inputs: tuple[TensorSpec, ...], training: Rows) -> tuple[TensorSpec, ...]:
    """Fill in the categories and ranges that the training rows have."""
    return tuple(_describe(spec, training[spec.name]) for spec in inputs)


def _describe(spec: TensorSpec, values: Array) -> TensorSpec:
    if spec.role is Role.CATEGORICAL:
        counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
        return replace(spec, categories=tuple(value for value, _ in counts[:MAX_CATEGORIES]))
    finite = values[np.isfinite(values)]
    if spec.role is Role.BOOLEAN or not finite.size:
        return spec
    return replace(spec, minimum=float(finite.min()), maximum=float(finite.max()))


def order_numbers(inputs: tuple[TensorSpec, ...]) -> list[TensorSpec]:
    """List the numbers and booleans in the order of their matrix: those of one type together."""
    return [spec for kind in _POLARS_TYPES for spec in inputs if spec.datatype == kind != "BYTES"]


def order_categories(inputs: tuple[TensorSpec, ...]) -> list[TensorSpec]:
    """List the categorical inputs in the order of their matrix, which follows the numbers."""
    return [spec for spec in inputs if spec.datatype == "BYTES"]


def build_features(inputs: tuple[TensorSpec, ...], *, scale: bool) -> ColumnTransformer:
    """Build the transformer of described inputs.

    Returns:
        An unfitted transformer from `to_frame` to a matrix of FP64: the numbers, then the
        categories, in the orders above. Its parts are named `numbers` and `categories`.
    """
    parts = []
    if numbers := [spec.name for spec in order_numbers(inputs)]:
        parts.append(("numbers", _build_numbers(scale=scale), numbers))
    if categorical := order_categories(inputs):
        encoder = OneHotEncoder(
            categories=[np.array(spec.categories, dtype=object) for spec in categorical],
            handle_unknown="ignore",
            sparse_output=False,
        )
        parts.append(("categories", encoder, [spec.name for spec in categorical]))
    return ColumnTransformer(parts)


def _build_numbers(*, scale: bool) -> Pipeline:
    steps = [
        ("finite", FunctionTransformer(_to_finite_matrix)),
        # A column without values in the training rows is kept as zeros: it stays an input.
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
    ]
    return Pipeline([*steps, ("scale", StandardScaler())] if scale else steps)


def _to_finite_matrix(frame: pl.DataFrame) -> Array:
    matrix = frame.select(pl.all().cast(pl.Float64)).to_numpy()
    return np.where(np.abs(matrix) <= LARGEST_NUMBER, matrix, np.nan)


def build_pipeline(inputs: tuple[TensorSpec, ...], estimator: Any, *, scale: bool) -> Pipeline:
    """Put the features before an estimator."""
    features = build_features(inputs, scale=scale)
    return Pipeline([("features", features), ("estimator", estimator)])
