"""Parquet to typed frames, as much at a time as memory bears."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from training.columns import ColumnType
from training.csv_table import check_types
from training.errors import TableInvalid
from training.parquet_footer import FooterInvalid, read_row_groups
from training.table_limits import (
    MAX_DECODED_BYTES,
    batch_rows,
    check_block,
    check_names,
    check_rows,
)
from training.typed_frame import check_schema, to_plain

UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""What polars raises when bytes are not what they should be."""


def read_parquet(path: Path, types: Mapping[str, ColumnType]) -> Iterator[pl.DataFrame]:
    """Read a Parquet file of plain columns.

    Args:
        path: The file.
        types: What columns shall hold, where a caller says so.

    Yields:
        The next rows, in columns of Boolean, Int64, Float64, Datetime or String; missing and
        NaN are null.

    Raises:
        TableInvalid: It is damaged, over a limit, or holds lists, structs or bytes, or its
            names are not in order.
    """
    try:
        _check_sizes(path)
        schema = pl.read_parquet_schema(path)
        check_names(list(schema))
        check_types(types, list(schema))
        check_schema(schema)
        batches = pl.scan_parquet(path, low_memory=True, glob=False).collect_batches(
            chunk_size=batch_rows(len(schema))
        )
        for batch in batches:
            yield to_plain(batch, types)
    except (*UNREADABLE, FooterInvalid) as error:
        raise TableInvalid(f"the Parquet file can't be read: {first_line(error)}") from error


def _check_sizes(path: Path) -> None:
    """Refuse what would not fit into memory, before anything is decoded."""
    groups = read_row_groups(path)
    for number, group in enumerate(groups, start=1):
        what = f"row group {number} of the Parquet file"
        check_block(group.row_count, group.column_count, group.size_bytes, what)
    check_rows(sum(group.row_count for group in groups))
    if (total := sum(group.size_bytes for group in groups)) > MAX_DECODED_BYTES:
        raise TableInvalid(
            f"the Parquet file has {total >> 30} GiB when decoded; at most"
            f" {MAX_DECODED_BYTES >> 30} GiB are read: divide it, or take a sample"
        )


def first_line(error: BaseException) -> str:
    """Take what a library says in its first line."""
    return str(error).split("\n", 1)[0][:200]
