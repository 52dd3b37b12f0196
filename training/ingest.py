"""A table's file to its typed copy and profile; run in a child process, as tables are foreign.

`python -m training.ingest FOLDER` reads the request there and writes the outcome there, beside
`table.parquet`. Memory does not grow with the rows: they come, are copied and are described in
batches.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source
from pydantic import TypeAdapter

from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.reports import Fault
from training.arrow_messages import STREAM_MAGIC
from training.arrow_table import read_arrow
from training.columns import PreviewRows, Table, TableFormat, TableWarning
from training.csv_options import CsvOptions
from training.csv_table import CsvTable
from training.errors import TableInvalid
from training.ingesting import COPY_FILE, IngestOutcome, IngestRequest, ReadOptions
from training.parquet_table import first_line, read_parquet
from training.profile import MAX_VALUE_LENGTH, Profiler

MAX_PREVIEW_ROWS = 100
MAX_PREVIEW_CELLS = 20_000

_SNIFFED_BYTES = 4096
_PROFILED_ROWS = 100_000
_GROUP_CELLS = 10_000_000
_SMALLEST_GROUP = 1_000
_LARGEST_GROUP = 250_000
_FOREIGN_FORMATS = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"SQLite format 3": "an SQLite file",
    b"%PDF": "a PDF file",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def detect_format(first_bytes: bytes) -> TableFormat:
    """Tell a table's form from the first bytes of its file.

    Raises:
        TableInvalid: It is none that is read.
    """
    if first_bytes.startswith(b"PAR1"):
        return TableFormat.PARQUET
    if first_bytes.startswith((b"ARROW1", STREAM_MAGIC)):
        return TableFormat.ARROW
    for magic, description in _FOREIGN_FORMATS.items():
        if first_bytes.startswith(magic):
            raise TableInvalid(
                f"this is {description}; save the table as CSV, Parquet or Arrow, not compressed"
            )
    if b"\0" in first_bytes and not first_bytes.startswith(_UTF_16):
        raise TableInvalid("this is neither CSV, Parquet nor Arrow; save the table as one of them")
    return TableFormat.CSV


def read_table(
    path: Path, table_format: TableFormat, options: ReadOptions | None = None
) -> pl.DataFrame:
    """Read a table's file as a whole.

    Returns:
        Columns of Boolean, Int64, Float64, Datetime or String; missing is null, no NaN.

    Raises:
        TableInvalid: It can't be read, or is over a limit; the message says what to do.
    """
    return pl.concat(_Source(path, table_format, options or ReadOptions()).batches())


def profile_table(frame: pl.DataFrame) -> Table:
    """Describe a frame that `read_table` returned."""
    profiler = Profiler(frame.schema)
    for rows in frame.iter_slices(_PROFILED_ROWS):
        profiler.add(rows)
    return profiler.finish()


class _Source:
    """A table whose rows come in batches, whatever the form of its file."""

    def __init__(self, path: Path, table_format: TableFormat, options: ReadOptions) -> None:
        self.csv: CsvOptions | None = None
        self.notices: tuple[TableWarning, ...] = ()
        if table_format is TableFormat.CSV:
            table = CsvTable(path, options)
            self.csv, self.notices = table.csv, table.notices
            self._batches = table.batches()
        else:
            read = read_parquet if table_format is TableFormat.PARQUET else read_arrow
            self._batches = read(path, options.column_types)

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the rows; there is one at least.

        Raises:
            TableInvalid: There is none, or what comes is not in order.
        """
        rows = 0
        for frame in self._batches:
            rows += frame.height
            if frame.height:
                yield frame
        if not rows:
            raise TableInvalid("the table has no rows; it needs a header and rows below it")


def ingest(request: IngestRequest, folder: Path) -> IngestOutcome:
    """Read and profile a table, and write its typed copy into the folder.

    Never raises for what is wrong with the table.
    """
    path = Path(request.table_path)
    try:
        with path.open("rb") as file:
            table_format = request.table_format or detect_format(file.read(_SNIFFED_BYTES))
        return _copy(_Source(path, table_format, request.options), table_format, folder)
    except TableInvalid as error:
        return IngestOutcome(fault=Fault("TABLE_INVALID", error.message))


def _copy(source: _Source, table_format: TableFormat, folder: Path) -> IngestOutcome:
    batches = source.batches()
    first = next(batches)
    profiler = Profiler(first.schema)
    _write(_described(chain([first], batches), profiler), first.schema, folder / COPY_FILE)
    table = profiler.finish()
    table = replace(
        table,
        warnings=source.notices + table.warnings,
        csv=source.csv,
        preview=_preview(first),
    )
    return IngestOutcome(table=table, table_format=table_format)


def _described(batches: Iterator[pl.DataFrame], profiler: Profiler) -> Iterator[pl.DataFrame]:
    for frame in batches:
        profiler.add(frame)
        yield frame


def _write(batches: Iterator[pl.DataFrame], schema: pl.Schema, path: Path) -> None:
    """Write the typed copy as the batches come."""
    rows = max(_SMALLEST_GROUP, min(_LARGEST_GROUP, _GROUP_CELLS // len(schema)))
    source = register_io_source(lambda *_: batches, schema=schema)
    try:
        source.sink_parquet(path, row_group_size=rows, statistics=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableInvalid(f"the table's copy can't be written: {first_line(error)}") from error


def _preview(first: pl.DataFrame) -> PreviewRows:
    """Take the first rows as text, each cell cut to what a person reads."""
    rows = min(MAX_PREVIEW_ROWS, max(1, MAX_PREVIEW_CELLS // first.width))
    texts = first.head(rows).select(pl.all().cast(pl.String).str.slice(0, MAX_VALUE_LENGTH))
    return tuple(texts.iter_rows())


def main() -> None:
    """Ingest the table that the folder named on the command line asks for."""
    folder = Path(sys.argv[1])
    request = TypeAdapter(IngestRequest).validate_json((folder / REQUEST_FILE).read_bytes())
    outcome = TypeAdapter(IngestOutcome).dump_json(ingest(request, folder))
    partial = folder / f"{OUTCOME_FILE}.partial"
    partial.write_bytes(outcome)
    partial.replace(folder / OUTCOME_FILE)


if __name__ == "__main__":
    main()
