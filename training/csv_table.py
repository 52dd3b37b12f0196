"""CSV to a frame: comma-separated UTF-8 with a header, every column of one inferred type.

Python's own parser reads the file, not polars': it names the line that is at fault, and
refuses a line with too few fields, which polars fills up in silence.

Blank lines are skipped. The words in `MISSING_WORDS` are missing values in columns of every
type, as R and pandas write and read them; a table in which NA is a real value (Namibia) goes
in as Parquet. Whitespace round a number is no part of it. Numbers with leading zeros and
whole numbers beyond 64 bits are codes and stay text.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from training.errors import TableInvalid

MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 256
MISSING_WORDS = ("", "NA", "NaN", "nan", "null")

_CHUNK_ROWS = 50_000
_BOOLEAN = r"^(?i:true|false)$"
_INTEGER = r"^[+-]?(0|[1-9][0-9]*)$"
_FLOAT = r"^[+-]?(((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f%:z")


def read_csv(path: Path) -> pl.DataFrame:
    """Read a CSV file.

    Returns:
        Columns of Boolean, Int64, Float64, Datetime or String; missing is null.

    Raises:
        TableInvalid: It is not UTF-8, or its lines or names are not in order.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(_refuse_nul(file), strict=True)
        try:
            texts = _read_texts(rows)
        except UnicodeDecodeError as error:
            raise TableInvalid(
                f"the CSV is not UTF-8 after line {rows.line_num}; save it with the encoding UTF-8"
            ) from error
        except csv.Error as error:
            raise TableInvalid(f"line {rows.line_num} of the CSV is malformed: {error}") from error
    return pl.DataFrame([infer_type(texts[name]) for name in texts.columns])


def _refuse_nul(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise TableInvalid(f"line {number} holds a zero byte: this is no text, so no CSV")
        yield line


def _read_texts(rows: Iterator[list[str]]) -> pl.DataFrame:
    names = next((row for row in rows if row), [])
    check_names(names)
    chunks = list(_read_chunks(rows, names))
    return pl.concat(chunks) if chunks else pl.DataFrame(schema=dict.fromkeys(names, pl.String))


def check_names(names: list[str]) -> None:
    """Check a table's column names.

    Raises:
        TableInvalid: There are none or too many, or one is empty, too long or there twice.
    """
    if not names:
        raise TableInvalid("the table has no columns; its first line must name them")
    if len(names) > MAX_COLUMNS:
        raise TableInvalid(f"the table has {len(names)} columns; at most {MAX_COLUMNS} are read")
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise TableInvalid(f"column {position} has no name; name every column")
        if len(name) > MAX_NAME_LENGTH or "\0" in name:
            raise TableInvalid(
                f"the name of column {position} is longer than {MAX_NAME_LENGTH} characters or"
                " holds a zero byte; shorten it"
            )
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise TableInvalid(f"{count} columns are named {name!r}; names must differ")
    if len(names) == 1 and (separator := next((s for s in ";\t|" if s in names[0]), "")):
        raise TableInvalid(f"the fields are separated by {separator!r}; save them with commas")


def _read_chunks(rows: Iterator[list[str]], names: list[str]) -> Iterator[pl.DataFrame]:
    records = _check_widths(rows, len(names))
    schema = dict.fromkeys(names, pl.String)
    while chunk := list(islice(records, _CHUNK_ROWS)):
        yield pl.DataFrame(chunk, schema, orient="row")


def _check_widths(rows: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows, start=1):
        if len(row) == width:
            yield row
        elif row:
            raise TableInvalid(
                f"row {number} after the header has {len(row)} fields, the header has {width};"
                " put fields that hold commas or line breaks in double quotes"
            )


def infer_type(texts: pl.Series) -> pl.Series:
    """Give texts the narrowest type that holds every value; missing words become null."""
    words = texts.str.strip_chars()
    missing = words.is_in(MISSING_WORDS)
    words, texts = words.set(missing, None), texts.set(missing, None)
    if missing.all():
        return texts
    if words.str.contains(_BOOLEAN).all():
        return words.str.to_lowercase() == "true"
    for parsed in _parse(words):
        if parsed.null_count() == words.null_count():
            return parsed
    return texts


def _parse(words: pl.Series) -> Iterator[pl.Series]:
    """Parse words in each way that may fit; what does not parse is null."""
    if words.str.contains(_INTEGER).all():
        yield words.cast(pl.Int64, strict=False)
    elif words.str.contains(_FLOAT).all():
        yield words.cast(pl.Float64, strict=False)
    elif words.str.contains(_TIME).all():
        plain = words.str.replace("T", " ").str.replace("Z$", "")
        for form in _TIME_FORMATS:
            yield plain.str.strptime(pl.Datetime("us"), form, strict=False)
