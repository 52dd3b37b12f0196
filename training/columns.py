"""What a table's columns hold: plain values, kept as JSON with a dataset version.

This file imports no table library, so a server may import it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from registry.artifact_store import StoredBytes
from training.csv_options import CsvOptions


class TableFormat(StrEnum):
    """The form of a table's file."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"


class ColumnType(StrEnum):
    """What a column holds."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ValueCount:
    """In how many rows a value occurs."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Quantile:
    """The value that a part of the values, 0 to 1, does not exceed."""

    fraction: float
    value: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie in each of equally wide bins from lower to upper, both included."""

    lower: float
    upper: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type and profile. Times are told in seconds since 1970, UTC.

    Attributes:
        name: The name.
        type: What it holds.
        missing_count: In how many rows it has no value; NaN counts as none.
        distinct_count: How many different values it has, missing not counted.
        minimum: The smallest value, for numbers and times with any finite value.
        maximum: The largest value, likewise.
        mean: The average, likewise.
        standard_deviation: The sample standard deviation, likewise; 0 for one value.
        top_values: The most frequent values, for text and booleans, at most 20.
        quantiles: Of the finite numbers or times, by rising fraction.
        histogram: Of the finite numbers or times.
        approximate: Whether the table was too large to count all: then the distinct count
            and the counts of top values are estimates, and quantiles and histogram are
            those of a random sample.
    """

    name: str
    type: ColumnType
    missing_count: int
    distinct_count: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    top_values: tuple[ValueCount, ...] = ()
    quantiles: tuple[Quantile, ...] = ()
    histogram: Histogram | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class TableWarning:
    """Something about a table that may spoil a model.

    Attributes:
        reason: A word for programs.
        column: The column it is about; empty for the whole table.
        message: A sentence for people that says what to do.
    """

    reason: str
    column: str
    message: str


PreviewRows = tuple[tuple[str | None, ...], ...]
"""Rows as text, a cell per column: floats as Python writes them, times in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read.

    Attributes:
        row_count: How many rows it has.
        columns: Its columns, in order.
        warnings: What may spoil a model.
        csv: How its text was read, for CSV.
        preview: Its first rows.
        file: The typed copy, a Parquet file of the store; None for tables that were kept
            before there were copies.
    """

    row_count: int
    columns: tuple[Column, ...]
    warnings: tuple[TableWarning, ...] = ()
    csv: CsvOptions | None = None
    preview: PreviewRows = ()
    file: StoredBytes | None = None


def describe_unknown(name: str, columns: Iterable[str], field: str) -> str:
    """Say that a field names a column which the table lacks, and some that it has."""
    known = ", ".join(repr(column[:100]) for column in islice(columns, 20))
    return f"{field} names the column {name[:100]!r}, which the table lacks; it has {known}"
