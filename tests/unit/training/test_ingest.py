import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from training import ingest
from training.columns import (
    Column,
    ColumnType,
    Table,
    TableFormat,
    ValueCount,
)
from training.errors import TableInvalid
from training.ingest import detect_format, profile_table, read_table
from training.ingesting import IngestOutcome, IngestRequest
from training.table_limits import MAX_COLUMNS

ReadCsv = Callable[[str | bytes], pl.DataFrame]
ReadParquet = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture
def read_csv(tmp_path: Path) -> ReadCsv:
    def read(content: str | bytes) -> pl.DataFrame:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, TableFormat.CSV)

    return read


@pytest.fixture
def read_parquet(tmp_path: Path) -> ReadParquet:
    def read(frame: pl.DataFrame) -> pl.DataFrame:
        frame.write_parquet(tmp_path / "table.parquet")
        return read_table(tmp_path / "table.parquet", TableFormat.PARQUET)

    return read


@pytest.mark.parametrize(
    ("cells", "dtype", "values"),
    [
        (["1", "-2", "+3", " 4 "], pl.Int64(), [1, -2, 3, 4]),
        (["1", "2.5", ".5", "5.", "-1e3"], pl.Float64(), [1, 2.5, 0.5, 5, -1000]),
        (["1", "", "NA", "NaN", "nan", "null"], pl.Int64(), [1, *[None] * 5]),
        (["1.5", "inf", "-Infinity"], pl.Float64(), [1.5, float("inf"), float("-inf")]),
        (["true", "FALSE", "True", "NA"], pl.Boolean(), [True, False, True, None]),
        (["01234", "94110"], pl.String(), ["01234", "94110"]),
        (["00.5", "1.5"], pl.String(), ["00.5", "1.5"]),
        (["9223372036854775807"], pl.Int64(), [2**63 - 1]),
        (["9223372036854775808"], pl.String(), ["9223372036854775808"]),
        (["a", " b", "NA", ""], pl.String(), ["a", " b", None, None]),
        (["", "NA"], pl.String(), [None, None]),
        (["yes", "no"], pl.String(), ["yes", "no"]),
        (["1", "x"], pl.String(), ["1", "x"]),
        (["2024-02-29", ""], pl.Datetime("us"), [datetime(2024, 2, 29), None]),  # noqa: DTZ001 - tables have no zones
        (["2024-02-29T10:11:12Z"], pl.Datetime("us"), [datetime(2024, 2, 29, 10, 11, 12)]),  # noqa: DTZ001 - tables have no zones
        (["2024-02-30"], pl.String(), ["2024-02-30"]),
    ],
)
def test_csv_columns_get_the_narrowest_type(
    read_csv: ReadCsv, cells: list[str], dtype: pl.DataType, values: list[Any]
) -> None:
    frame = read_csv("x,y\n" + "".join(f"{cell},_\n" for cell in cells))
    assert frame["x"].dtype == dtype
    assert frame["x"].to_list() == values


def test_csv_keeps_quoted_commas_breaks_and_unicode(read_csv: ReadCsv) -> None:
    frame = read_csv('\ufeff"größe, mm",ключ\r\n1,"a\nb"\r\n\r\n2,"q""q"\r\n')
    assert frame.columns == ["größe, mm", "ключ"]
    assert frame["ключ"].to_list() == ["a\nb", 'q"q']


def test_csv_of_many_rows_is_read_in_chunks(read_csv: ReadCsv) -> None:
    frame = read_csv("x\n" + "".join(f"{number}\n" for number in range(100_001)))
    assert frame["x"].sum() == 100_000 * 100_001 // 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no columns"),
        ("\n\n", "no columns"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n1\n", "row 2 after the header has 1 fields, the header has 2"),
        ("a,b\n1,2,3\n", "has 3 fields"),
        ("a,a\n1,2\n", "2 columns are named 'a'"),
        ("a,\n1,2\n", "column 2 has no name"),
        (f"{'n' * 257}\n1\n", "longer than 256"),
        (b"a\n\xff\x81\xfa\n", "not UTF-8"),
        (b"a\n1\0\n", "line 2 holds a zero byte"),
        ('a\n"1', "malformed"),
        (f"a\n{'x' * 200_000}\n", "line 2 of the CSV is longer than 131072"),
        (",".join(f"c{number}" for number in range(MAX_COLUMNS + 1)), "at most 10000"),
    ],
)
def test_csv_that_is_not_in_order_is_refused(
    read_csv: ReadCsv, content: str | bytes, says: str
) -> None:
    with pytest.raises(TableInvalid, match=says):
        read_csv(content)


def test_parquet_types_become_ours(read_parquet: ReadParquet) -> None:
    frame = pl.DataFrame(
        {
            "i8": pl.Series([1, None], dtype=pl.Int8),
            "u64": pl.Series([2**64 - 1, 1], dtype=pl.UInt64),
            "f32": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "decimal": pl.Series([Decimal("1.5"), None], dtype=pl.Decimal(5, 2)),
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "flag": [True, None],
            "day": [date(2024, 1, 1), None],
            "clock": [time(10), None],
            "nothing": [None, None],
            "text": ["", "é"],
        }
    )
    found = read_parquet(frame)
    assert found["i8"].to_list() == [1, None]
    assert found["u64"].to_list() == ["18446744073709551615", "1"]
    assert found["f32"].to_list() == [0.5, None]
    assert found["decimal"].to_list() == [1.5, None]
    assert found["category"].to_list() == ["a", None]
    types = [column.type for column in profile_table(found).columns]
    assert types == [
        "integer",
        "text",
        "float",
        "float",
        "text",
        "boolean",
        *("time", "float"),
        *["text"] * 2,
    ]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("x", [[1]]),
        pl.Series("x", [{"a": 1}]),
        pl.Series("x", [b"bytes"]),
    ],
)
def test_parquet_of_other_types_is_refused(read_parquet: ReadParquet, column: pl.Series) -> None:
    with pytest.raises(TableInvalid, match="'x' holds"):
        read_parquet(column.to_frame())


def test_parquet_texts_with_nul_are_refused(read_parquet: ReadParquet) -> None:
    with pytest.raises(TableInvalid, match="NUL"):
        read_parquet(pl.DataFrame({"a": ["x\0", "y"]}))


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table").write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(TableInvalid, match="can't be read"):
        read_table(tmp_path / "table", TableFormat.PARQUET)


def test_parquet_without_rows_is_refused(read_parquet: ReadParquet) -> None:
    with pytest.raises(TableInvalid, match="no rows"):
        read_parquet(pl.DataFrame({"x": []}))


def test_format_is_told_from_first_bytes() -> None:
    assert detect_format(b"PAR1...") is TableFormat.PARQUET
    assert detect_format(b"ARROW1\0\0") is TableFormat.ARROW
    assert detect_format(b"\xff\xff\xff\xff\0\1\0\0") is TableFormat.ARROW
    for text in ("größe,b\n".encode(), "größe,b\n".encode("utf-16")):
        assert detect_format(text) is TableFormat.CSV
    for foreign in (b"PK\x03\x04", b"\x1f\x8b\x08", b"\x7fELF\0", b"\x28\xb5\x2f\xfd"):
        with pytest.raises(TableInvalid, match="CSV"):
            detect_format(foreign)


def test_profile_tells_numbers_and_values() -> None:
    frame = pl.DataFrame(
        {
            "n": [1.0, 3.0, None, float("inf")],
            "i": [5, 5, 5, 5],
            "t": ["b", "a", "b", None],
            "f": [True, False, True, None],
            "none": pl.Series([None] * 4, dtype=pl.Float64),
            "vast": [1e308, -1e308, 1e308, 0.0],
        }
    )
    number, whole, text, flag, none, vast = profile_table(frame).columns
    plain = replace(number, quantiles=(), histogram=None)
    assert plain == Column("n", ColumnType.FLOAT, 1, 3, 1.0, 3.0, 2.0, 2**0.5)
    assert (whole.distinct_count, whole.mean, whole.standard_deviation) == (1, 5.0, 0.0)
    assert text.top_values == (ValueCount("b", 2), ValueCount("a", 1))
    assert flag.top_values == (ValueCount("true", 2), ValueCount("false", 1))
    assert (none.missing_count, none.minimum, none.mean) == (4, None, None)
    assert (vast.maximum, vast.standard_deviation) == (1e308, None)


def test_profile_of_one_value_deviates_by_nothing() -> None:
    (column,) = profile_table(pl.DataFrame({"x": [7]})).columns
    assert (column.mean, column.standard_deviation) == (7.0, 0.0)


def test_penguins_profile(penguins_path: Path) -> None:
    table = profile_table(read_table(penguins_path, TableFormat.CSV))
    assert table.row_count == 344
    columns = {column.name: column for column in table.columns}
    assert columns["sex"].missing_count == 11
    assert columns["species"].top_values[0] == ValueCount("Adelie", 152)
    assert columns["bill_length_mm"].type is ColumnType.FLOAT
    assert columns["body_mass_g"].type is ColumnType.INTEGER


def _ingest(folder: Path, request: IngestRequest, monkeypatch: pytest.MonkeyPatch) -> IngestOutcome:
    (folder / "request.json").write_bytes(TypeAdapter(IngestRequest).dump_json(request))
    monkeypatch.setattr(sys, "argv", ["training.ingest", str(folder)])
    ingest.main()
    return TypeAdapter(IngestOutcome).validate_json((folder / "outcome.json").read_bytes())


def test_child_writes_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table").write_text("a\n1\n2\n")
    outcome = _ingest(tmp_path, IngestRequest(str(tmp_path / "table")), monkeypatch)
    assert outcome.table_format is TableFormat.CSV
    assert isinstance(outcome.table, Table)
    assert outcome.table.row_count == 2


def test_child_writes_the_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table").write_bytes(b"\x7fELF\0")
    outcome = _ingest(tmp_path, IngestRequest(str(tmp_path / "table")), monkeypatch)
    assert outcome.fault
    assert outcome.fault.reason == "TABLE_INVALID"
