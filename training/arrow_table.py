"""Arrow files and streams to typed frames, one record batch at a time."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from training.arrow_messages import END, Kind, Message, MessageInvalid, read_messages
from training.columns import ColumnType
from training.csv_table import check_types
from training.errors import TableInvalid
from training.parquet_table import UNREADABLE, first_line
from training.table_limits import (
    MAX_BLOCK_BYTES,
    batch_rows,
    check_block,
    check_names,
    check_rows,
)
from training.typed_frame import check_schema, to_plain


def read_arrow(path: Path, types: Mapping[str, ColumnType]) -> Iterator[pl.DataFrame]:
    """Read an Arrow IPC file or stream of plain columns.

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
        rows = 0
        for frame in _frames(path, types):
            rows += frame.height
            check_rows(rows)
            for part in frame.iter_slices(batch_rows(frame.width)):
                yield to_plain(part, types)
    except (*UNREADABLE, MessageInvalid) as error:
        raise TableInvalid(f"the Arrow file can't be read: {first_line(error)}") from error


def _frames(path: Path, types: Mapping[str, ColumnType]) -> Iterator[pl.DataFrame]:
    """Yield one frame for the schema, and one for each record batch."""
    messages = read_messages(path)
    schema = next(messages, None)
    if schema is None or schema.kind is not Kind.SCHEMA:
        raise MessageInvalid("it does not begin with its schema")
    frame = _decode(schema.content)
    check_names(frame.columns)
    check_types(types, frame.columns)
    check_schema(frame.schema)
    yield frame
    # A batch is decoded with the schema and the dictionaries before it, as a stream of its own.
    dictionaries: list[Message] = []
    for message in messages:
        check_block(message.row_count, frame.width, message.size_bytes, "a batch of the Arrow file")
        if message.kind is Kind.DICTIONARY:
            dictionaries.append(message)
            _check_dictionaries(dictionaries)
        elif message.kind is Kind.BATCH:
            known = b"".join(dictionary.content for dictionary in dictionaries)
            yield _decode(schema.content + known + message.content)


def _check_dictionaries(dictionaries: list[Message]) -> None:
    if sum(dictionary.size_bytes for dictionary in dictionaries) > MAX_BLOCK_BYTES:
        raise TableInvalid(
            f"the dictionaries of the Arrow file have more than {MAX_BLOCK_BYTES >> 20} MiB"
        )


def _decode(content: bytes) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(content + END))
