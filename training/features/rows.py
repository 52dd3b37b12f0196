"""A table's rows as they would come in requests."""

from typing import Any

import numpy as np
import polars as pl

from registry.signature import TensorSpec

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
_SECONDS_FORM = "%Y-%m-%dT%H:%M:%S"


def take_rows(frame: pl.DataFrame, inputs: tuple[TensorSpec, ...]) -> Rows:
    """Take a table's rows as they would come in a request.

    Numbers are rounded to the type of their input here, before anything is learned from
    them: a threshold between two training values is then right for every value served.
    Times become ISO 8601 text in UTC, to the second; a time of day or a duration becomes one
    on, or since, the first of January 1970.
    """
    return {spec.name: _take_column(frame[spec.name], spec) for spec in inputs}


def _take_column(values: pl.Series, spec: TensorSpec) -> Array:
    if values.dtype.is_temporal():
        values = _to_iso_text(values)
    cast = values.cast(_POLARS_TYPES[spec.datatype])
    if spec.datatype == "BYTES":
        return cast.fill_null("").to_numpy().astype(object)
    return cast.to_numpy()


def _to_iso_text(values: pl.Series) -> pl.Series:
    if values.dtype in (pl.Time, pl.Duration):
        values = values.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Datetime("us"))
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone:
        values = values.dt.convert_time_zone("UTC")
    return values.dt.strftime("%Y-%m-%d" if values.dtype == pl.Date else _SECONDS_FORM)


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
