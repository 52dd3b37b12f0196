"""Small files that would be large, and files that say what is not so."""

import struct
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.reports import Fault
from tests.support.streams import chunks_of
from training.arrow_messages import Kind, read_messages
from training.columns import TableFormat
from training.errors import TableInvalid
from training.ingest import read_table
from training.parquet_footer import read_row_groups
from training.table_limits import (
    MAX_BLOCK_BYTES,
    MAX_COLUMNS,
    MAX_LINE_CHARACTERS,
    MAX_ROWS,
)
from training.table_reader import TableReader

FRAME = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
ARROW = TableFormat.ARROW
PARQUET = TableFormat.PARQUET


def refuse(path: Path, table_format: TableFormat, says: str) -> None:
    with pytest.raises(TableInvalid, match=says):
        read_table(path, table_format)


def zigzag(number: int) -> bytes:
    """Write a number as Thrift's compact protocol does."""
    number = number << 1 ^ number >> 63
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_a_footer_tells_what_polars_tells(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": range(1000), "t": ["x" * 100] * 1000})
    frame.write_parquet(tmp_path / "t", row_group_size=300)
    groups = read_row_groups(tmp_path / "t")
    assert [group.row_count for group in groups] == [300, 300, 300, 100]
    assert {group.column_count for group in groups} == {2}
    assert sum(group.size_bytes for group in groups) > 1000


def test_a_constant_of_too_many_rows_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    frame = pl.select(pl.repeat(1, MAX_ROWS + 1, dtype=pl.Int8).alias("x"))
    frame.write_parquet(tmp_path / "t", row_group_size=20_000_000)
    assert (tmp_path / "t").stat().st_size < 1 << 20
    refuse(tmp_path / "t", PARQUET, f"more than {MAX_ROWS} rows")


def test_a_group_with_too_many_cells_is_refused(tmp_path: Path) -> None:
    rows = (1 << 28) // 100 + 1
    constant = pl.select(pl.repeat(value=True, n=rows).alias("x"))
    frame = constant.select(pl.col("x").alias(f"x{number}") for number in range(100))
    frame.write_parquet(tmp_path / "t", row_group_size=rows, compression="uncompressed")
    refuse(tmp_path / "t", PARQUET, "row group 1 of the Parquet file has .* cells are decoded")


def test_sizes_are_summed_before_pages_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t"
    pl.DataFrame({"a": range(100_000)}).write_parquet(path, compression="zstd")
    (group,) = read_row_groups(path)
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    true, lie = zigzag(group.size_bytes), zigzag(MAX_BLOCK_BYTES + 1)
    footer = content[-8 - length : -8].replace(true, lie)
    assert len(footer) > length
    path.write_bytes(content[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    refuse(path, PARQUET, "row group 1 of the Parquet file has 2048 MiB when decoded")


@pytest.mark.parametrize("cut", [0, 4, 12, 60])
@pytest.mark.parametrize("write", [pl.DataFrame.write_parquet, pl.DataFrame.write_ipc])
def test_a_file_that_ends_too_early_is_refused(
    tmp_path: Path, write: Callable[[pl.DataFrame, Path], None], cut: int
) -> None:
    write(FRAME, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "t").write_bytes(content[: len(content) - 1 - cut])
    form = PARQUET if write is pl.DataFrame.write_parquet else ARROW
    refuse(tmp_path / "t", form, "can't be read")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("form", [PARQUET, ARROW])
def test_broken_bytes_are_refused_or_read_but_never_a_fault_of_ours(
    tmp_path: Path, form: TableFormat, seed: int
) -> None:
    path = tmp_path / "t"
    (FRAME.write_parquet if form is PARQUET else FRAME.write_ipc)(path)
    content = bytearray(path.read_bytes())
    for step in range(3):
        content[(seed * 7919 + step * 104_729) % len(content)] ^= 1 << (seed + step) % 8
    path.write_bytes(content)
    try:
        read_table(path, form)
    except TableInvalid as error:
        assert error.message  # noqa: PT017 - either way is well


def test_an_arrow_file_and_a_stream_have_the_same_messages(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": range(100), "c": pl.Series(["x", "y"] * 50, dtype=pl.Categorical)})
    frame.write_ipc(tmp_path / "file", record_batch_size=30)
    frame.write_ipc_stream(tmp_path / "stream")
    kinds = [message.kind for message in read_messages(tmp_path / "file")]
    assert kinds[:2] == [Kind.SCHEMA, Kind.DICTIONARY]
    assert kinds.count(Kind.BATCH) > 1
    rows = [it.row_count for it in read_messages(tmp_path / "file") if it.kind is Kind.BATCH]
    assert sum(rows) == 100
    for name in ("file", "stream"):
        assert read_table(tmp_path / name, ARROW).equals(frame.cast({"c": pl.String}))


def test_a_buffer_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    pl.DataFrame({"a": [7] * 10_000}).write_ipc_stream(path, compression="lz4")
    messages = list(read_messages(path))
    assert messages[1].size_bytes == 80_000
    content = bytearray(path.read_bytes())
    # A compressed buffer begins with its length, then LZ4's magic number.
    place = content.index(struct.pack("<q", 80_000) + b"\x04\x22\x4d\x18")
    struct.pack_into("<q", content, place, 1 << 60)
    path.write_bytes(content)
    refuse(path, ARROW, "MiB when decoded; at most")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (struct.pack("<q", 3), struct.pack("<q", 1 << 40)),
        (struct.pack("<q", 3), struct.pack("<q", -3)),
    ],
)
def test_a_batch_that_says_it_has_other_rows_is_refused(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    path = tmp_path / "t"
    pl.DataFrame({"a": [10, 20, 30]}).write_ipc_stream(path, compression="uncompressed")
    content = path.read_bytes()
    path.write_bytes(content.replace(old, new))
    refuse(path, ARROW, "cells are decoded|negative size|can't be read")


def test_a_message_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    FRAME.write_ipc_stream(tmp_path / "t")
    content = bytearray((tmp_path / "t").read_bytes())
    struct.pack_into("<I", content, 4, 1 << 30)
    (tmp_path / "t").write_bytes(content)
    refuse(tmp_path / "t", ARROW, "longer than the file")


@pytest.mark.parametrize("form", [PARQUET, ARROW])
def test_too_many_columns_are_refused(tmp_path: Path, form: TableFormat) -> None:
    frame = pl.DataFrame({f"c{number}": [1] for number in range(MAX_COLUMNS + 1)})
    (frame.write_parquet if form is PARQUET else frame.write_ipc)(tmp_path / "t")
    refuse(tmp_path / "t", form, f"at most {MAX_COLUMNS}")


def test_a_hundred_thousand_columns_of_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_text(",".join(f"c{number}" for number in range(100_000)) + "\n1\n")
    refuse(tmp_path / "t", TableFormat.CSV, "100000 columns; at most")


@pytest.mark.parametrize("form", [PARQUET, ARROW])
def test_a_giant_text_is_refused(tmp_path: Path, form: TableFormat) -> None:
    frame = pl.DataFrame({"a": ["x" * 600_000]})
    (frame.write_parquet if form is PARQUET else frame.write_ipc)(tmp_path / "t")
    refuse(tmp_path / "t", form, "a text of the column 'a' has 600000 bytes")


def test_a_giant_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("a\n" + "x" * (MAX_LINE_CHARACTERS + 1))
    refuse(tmp_path / "t", TableFormat.CSV, "line 2 is longer than")


def test_a_quote_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('a,b\n"x,1\n' + "y,2\n" * 50_000)
    refuse(tmp_path / "t", TableFormat.CSV, "look for a quote that is not closed")


async def test_what_eats_all_memory_ends_with_its_child(
    store: LocalArtifactStore, children: ChildProcess, tmp_path: Path
) -> None:
    pl.select(pl.repeat("x" * 1000, 300_000).alias("t")).with_columns(
        pl.col("t") + pl.int_range(300_000).cast(pl.String)
    ).write_parquet(tmp_path / "t", row_group_size=300_000)
    content = (tmp_path / "t").read_bytes()
    stored = await store.put(chunks_of(content, 1 << 20), most_bytes=1 << 30)
    limits = ChildLimits(memory_bytes=256 << 20, seconds=60)
    _, found = await TableReader(store, children, limits, tmp_path / "work").read(stored, None)
    assert isinstance(found, Fault)
    assert found.reason in {"OUT_OF_MEMORY", "CRASHED", "TABLE_INVALID"}
    assert list((tmp_path / "work").iterdir()) == []
