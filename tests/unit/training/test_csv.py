"""CSV as the world writes it."""

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from registry.errors import FieldInvalid
from training.columns import ColumnType, TableFormat
from training.csv_options import CsvOptions, check_csv_options
from training.csv_table import CsvTable
from training.errors import TableInvalid
from training.ingest import read_table
from training.ingesting import ReadOptions

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "table"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path: Path, csv: CsvOptions | None = None, **types: ColumnType) -> pl.DataFrame:
    return read_table(path, TableFormat.CSV, ReadOptions(csv or CsvOptions(), types))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_first_lines(write: Write, delimiter: str) -> None:
    rows = [["a", "b, c;d"], ["1", "x | y"], ["2", "line\nbreak\tand"]]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    table = CsvTable(write(text.getvalue()), ReadOptions())
    assert table.csv.delimiter == delimiter
    (frame,) = table.batches()
    assert frame.rows() == [(1, "x | y"), (2, "line\nbreak\tand")]


def test_one_column_needs_no_delimiter(write: Write) -> None:
    assert read(write("größe\n1\n2\n"))["größe"].to_list() == [1, 2]
    assert read(write('"a;b"\n1\n'))["a;b"].to_list() == [1]


def test_decimal_commas_do_not_divide_lines(write: Write) -> None:
    path = write("a;b\n1,5;2,5\n3,5;4,5\n")
    assert read(path)["a"].to_list() == ["1,5", "3,5"]
    assert read(path, CsvOptions(decimal=","))["b"].to_list() == [2.5, 4.5]


@pytest.mark.parametrize(
    ("text", "decimal", "thousands", "values"),
    [
        ("1.234,5 -12.345.678 7,25", ",", ".", [1234.5, -12345678.0, 7.25]),
        ("1'234 12'345'678 99", ".", "'", [1234, 12345678, 99]),
        ("1,234.5 999 .5", ".", ",", [1234.5, 999.0, 0.5]),
        # Groups of other lengths are no numbers, so the column stays text.
        ("1.23,5 2", ",", ".", ["1.23,5", "2"]),
        ("12.34 5,5", ",", "", ["12.34", "5,5"]),
    ],
)
def test_numbers_are_read_as_their_country_writes_them(
    write: Write, text: str, decimal: str, thousands: str, values: list[float | str]
) -> None:
    options = CsvOptions(delimiter=";", decimal=decimal, thousands=thousands)
    assert read(write("x\n" + "\n".join(text.split())), options)["x"].to_list() == values


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("cp1252", ""),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "iso-8859-1"),
        ("koi8-r", "koi8-r"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_text_is_read_in_its_encoding(write: Write, encoding: str, told: str) -> None:
    word = {"koi8-r": "привет", "shift_jis": "日本"}.get(encoding, "größe é")
    table = CsvTable(
        write(f"name,x\n{word},1\n".encode(encoding)), ReadOptions(CsvOptions(encoding=told))
    )
    (frame,) = table.batches()
    assert frame["name"].to_list() == [word]
    assert [notice.reason for notice in table.notices] == (
        ["ENCODING_GUESSED"] if encoding == "cp1252" else []
    )


def test_a_wrong_encoding_is_refused(write: Write) -> None:
    with pytest.raises(TableInvalid, match="not UTF-8; say its encoding"):
        read(write("a\né\n".encode("cp1252")), CsvOptions(encoding="utf-8"))


def test_quotes_can_be_escaped_or_doubled(write: Write) -> None:
    assert read(write('a,b\n"x ""y""",1\n'))["a"].to_list() == ['x "y"']
    options = CsvOptions(escape="\\")
    assert read(write('a,b\n"x \\"y\\"",1\n'), options)["a"].to_list() == ['x "y"']
    assert read(write("a,b\n'x,y',1\n"), CsvOptions(quote="'"))["a"].to_list() == ["x,y"]


def test_without_a_header_the_columns_are_numbered(write: Write) -> None:
    frame = read(write("1,x\n2,y\n"), CsvOptions(has_header=False))
    assert frame.columns == ["column_1", "column_2"]
    assert frame["column_1"].to_list() == [1, 2]


def test_callers_say_what_is_missing(write: Write) -> None:
    path = write("a,b\n-999,NA\n1,\n")
    frame = read(path, CsvOptions(missing_words=("-999",)))
    assert frame.rows() == [(None, "NA"), (1, "")]


def test_callers_say_what_a_column_holds(write: Write) -> None:
    path = write("code,n,flag,day\n007,1,true,31/12/2024\n010,2,false,01/02/2025\n")
    assert read(path)["code"].to_list() == ["007", "010"]
    frame = read(
        path,
        n=ColumnType.FLOAT,
        flag=ColumnType.TEXT,
        day=ColumnType.TIME,
    )
    assert frame["n"].to_list() == [1.0, 2.0]
    assert frame["flag"].to_list() == ["true", "false"]
    assert frame["day"].to_list() == [datetime(2024, 12, 31), datetime(2025, 2, 1)]  # noqa: DTZ001


@pytest.mark.parametrize(
    ("kind", "cells", "says"),
    [
        (ColumnType.INTEGER, ["1", "2.5"], "hold integer, but row 2 after the header holds '2.5'"),
        (ColumnType.BOOLEAN, ["true", "yes"], "row 2 .* 'yes'"),
        (ColumnType.TIME, ["01/02/2024", "03/04/2024"], "%d/%m/%Y and %m/%d/%Y; write them as"),
        (ColumnType.TIME, ["soon"], "'soon'"),
    ],
)
def test_what_does_not_fit_its_type_is_refused(
    write: Write, kind: ColumnType, cells: list[str], says: str
) -> None:
    with pytest.raises(TableInvalid, match=says):
        read(write("x\n" + "\n".join(cells)), x=kind)


def test_a_type_for_no_column_is_refused(write: Write) -> None:
    with pytest.raises(TableInvalid, match="column_types names 'y'"):
        read(write("x\n1\n"), y=ColumnType.TEXT)


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("2024-01-02", datetime(2024, 1, 2)),  # noqa: DTZ001
        ("2024-01-02 10:11", datetime(2024, 1, 2, 10, 11)),  # noqa: DTZ001
        ("2024-01-02T10:11:12.5", datetime(2024, 1, 2, 10, 11, 12, 500_000)),  # noqa: DTZ001
        ("2024-01-02T10:00:00Z", datetime(2024, 1, 2, 10)),  # noqa: DTZ001
        ("2024-01-02T10:00:00+02:00", datetime(2024, 1, 2, 8)),  # noqa: DTZ001
        ("2024-01-02 10:00:00-0330", datetime(2024, 1, 2, 13, 30)),  # noqa: DTZ001
    ],
)
def test_times_are_recognised_and_become_utc(write: Write, cell: str, time: datetime) -> None:
    frame = read(write(f"t,x\n{cell},1\n2024-05-06,2\n,3\n"))
    assert frame["t"].to_list() == [time, datetime(2024, 5, 6), None]  # noqa: DTZ001


def test_a_type_that_only_a_later_batch_shows_holds_for_all(write: Write) -> None:
    rows = ["1"] * 51_000 + ["2.5"] + ["3"] * 100
    frame = read(write("x\n" + "\n".join(rows)))
    assert frame["x"].dtype == pl.Float64
    assert frame["x"].sum() == 51_000 + 2.5 + 300
    assert read(write("x\n" + "\n".join([*rows, "word"])))["x"].dtype == pl.String


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (CsvOptions(delimiter=",,"), "delimiter"),
        (CsvOptions(delimiter='"'), "delimiter"),
        (CsvOptions(quote="\n"), "quote"),
        (CsvOptions(decimal=",", thousands=","), "thousands"),
        (CsvOptions(thousands="1"), "thousands"),
        (CsvOptions(encoding="zlib"), "encoding"),
        (CsvOptions(missing_words=("x" * 65,)), "missing_words"),
    ],
)
def test_options_that_are_not_legal_are_refused(options: CsvOptions, field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        check_csv_options(options, "csv")
    assert caught.value.field == f"csv.{field}"


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_NAMES = st.lists(_TEXTS.filter(str.strip), min_size=1, max_size=4, unique=True)


@st.composite
def _frames(draw: st.DrawFn) -> pl.DataFrame:
    names = draw(_NAMES)
    rows = draw(st.integers(1, 6))
    kinds = (
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.booleans(),
        # A letter first: neither a number nor a missing word, and kept as it is.
        _TEXTS.map(lambda text: f"w{text}"),
    )

    def column() -> list[object]:
        cells = st.none() | draw(st.sampled_from(kinds))
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    return pl.DataFrame({name: column() for name in names}, strict=False)


@settings(max_examples=150)
@given(_frames(), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame, delimiter: str, end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(frame.columns)
    for row in frame.iter_rows():
        writer.writerow(["NA" if cell is None else str(cell) for cell in row])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(text.getvalue().encode())
    found = read(path, CsvOptions(delimiter=delimiter))
    known = [values for values in frame if values.null_count() < len(values)]
    assert found.columns == frame.columns
    for values in known:
        wanted = values.cast(found[values.name].dtype) if _whole(values) else values
        assert_frame_equal(found[values.name].to_frame(), wanted.to_frame(), check_exact=True)


def _whole(values: pl.Series) -> bool:
    """Tell whether floats are all written without a fraction, so that they may come as integers."""
    return values.dtype == pl.Float64 and all(
        value is None or re.fullmatch(r"-?[0-9]+", repr(value)) for value in values
    )
