"""A table's file to a frame and its profile; run in a child process, as tables are foreign.

`python -m training.ingest FOLDER` reads the request there and writes the outcome there.
"""

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.reports import Fault
from training.columns import (
    Column,
    ColumnType,
    IngestOutcome,
    IngestRequest,
    Table,
    TableFormat,
    ValueCount,
)
from training.csv_table import read_csv
from training.errors import TableInvalid
from training.parquet_table import read_parquet

MAX_TOP_VALUES = 20
MAX_VALUE_LENGTH = 200

_SNIFFED_BYTES = 4096
_FOREIGN_FORMATS = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x1f\x8b": "a gzip file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


def detect_format(first_bytes: bytes) -> TableFormat:
    """Tell a table's form from the first bytes of its file.

    Raises:
        TableInvalid: It is neither CSV nor Parquet.
    """
    if first_bytes.startswith(b"PAR1"):
        return TableFormat.PARQUET
    for magic, description in _FOREIGN_FORMATS.items():
        if first_bytes.startswith(magic):
            raise TableInvalid(f"this is {description}; save the table as CSV (UTF-8) or Parquet")
    if b"\0" in first_bytes:
        raise TableInvalid("this is neither CSV nor Parquet; save the table as one of them")
    return TableFormat.CSV


def read_table(path: Path, table_format: TableFormat) -> pl.DataFrame:
    """Read a table's file.

    Returns:
        Columns of Boolean, Int64, Float64, String or a time type; missing is null, no NaN.

    Raises:
        TableInvalid: It can't be read, or is over a limit; the message says what to do.
    """
    frame = read_csv(path) if table_format is TableFormat.CSV else read_parquet(path)
    if frame.height == 0:
        raise TableInvalid("the table has no rows; it needs a header and rows below it")
    return frame


def profile_table(frame: pl.DataFrame) -> Table:
    """Describe a frame that `read_table` returned."""
    return Table(frame.height, tuple(_profile_column(values) for values in frame))


def _profile_column(values: pl.Series) -> Column:
    kind = _column_type(values.dtype)
    present = values.drop_nulls()
    column = Column(values.name, kind, values.null_count(), present.n_unique())
    if kind in (ColumnType.INTEGER, ColumnType.FLOAT):
        return _with_numbers(column, present.cast(pl.Float64))
    if kind in (ColumnType.BOOLEAN, ColumnType.TEXT):
        return replace(column, top_values=_count_values(present.cast(pl.String)))
    return column


def _column_type(dtype: pl.DataType) -> ColumnType:
    if dtype == pl.Boolean:
        return ColumnType.BOOLEAN
    if dtype.is_integer():
        return ColumnType.INTEGER
    if dtype.is_float():
        return ColumnType.FLOAT
    return ColumnType.TIME if dtype.is_temporal() else ColumnType.TEXT


def _with_numbers(column: Column, present: pl.Series) -> Column:
    finite = present.filter(present.is_finite()).to_numpy()
    if not finite.size:
        return column
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(finite.mean())
        deviation = float(finite.std(ddof=1)) if finite.size > 1 else 0.0
    return replace(
        column,
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        mean=_finite_or_none(mean),
        standard_deviation=_finite_or_none(deviation),
    )


def _finite_or_none(value: float) -> float | None:
    """Drop a figure that overflowed, as JSON has no infinity."""
    return value if math.isfinite(value) else None


def _count_values(present: pl.Series) -> tuple[ValueCount, ...]:
    """Count the most frequent values; of equally frequent ones the first by name come first."""
    counts = present.alias("value").value_counts(name="count")
    top = counts.sort(["count", "value"], descending=[True, False]).head(MAX_TOP_VALUES)
    return tuple(ValueCount(value[:MAX_VALUE_LENGTH], count) for value, count in top.iter_rows())


def ingest(request: IngestRequest) -> IngestOutcome:
    """Read and profile a table. Never raises for what is wrong with the table."""
    path = Path(request.table_path)
    try:
        with path.open("rb") as file:
            table_format = request.table_format or detect_format(file.read(_SNIFFED_BYTES))
        table = profile_table(read_table(path, table_format))
    except TableInvalid as error:
        return IngestOutcome(fault=Fault("TABLE_INVALID", error.message))
    return IngestOutcome(table=table, table_format=table_format)


def main() -> None:
    """Ingest the table that the folder named on the command line asks for."""
    folder = Path(sys.argv[1])
    request = TypeAdapter(IngestRequest).validate_json((folder / REQUEST_FILE).read_bytes())
    outcome = TypeAdapter(IngestOutcome).dump_json(ingest(request))
    partial = folder / f"{OUTCOME_FILE}.partial"
    partial.write_bytes(outcome)
    partial.replace(folder / OUTCOME_FILE)


if __name__ == "__main__":
    main()
