"""What a table's columns hold: plain values, kept as JSON with a dataset version.

Here too: what the child process that reads a table is asked and answers. The asker writes
`request.json` into a folder, starts `python -m training.ingest FOLDER`, and finds
`outcome.json` there. This file imports no table library, so a server may import it.
"""

from dataclasses import dataclass
from enum import StrEnum

from registry.reports import Fault


class TableFormat(StrEnum):
    """The form of a table's file."""

    CSV = "csv"
    PARQUET = "parquet"


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
class Column:
    """One column: its type and profile.

    Attributes:
        name: The name.
        type: What it holds.
        missing_count: In how many rows it has no value; NaN counts as none.
        distinct_count: How many different values it has, missing not counted.
        minimum: The smallest value, for numbers with any finite value.
        maximum: The largest value, likewise.
        mean: The average, likewise.
        standard_deviation: The sample standard deviation, likewise; 0 for one value.
        top_values: The most frequent values, for text and booleans, at most 20.
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


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read: how many rows, and its columns in order."""

    row_count: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One table to read.

    Attributes:
        table_path: The table's file; the server's own path, never a caller's.
        table_format: Its form; None is told from its first bytes.
    """

    table_path: str
    table_format: TableFormat | None = None


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What reading found: a fault, or the table and the form of its file."""

    fault: Fault | None = None
    table: Table | None = None
    table_format: TableFormat | None = None
