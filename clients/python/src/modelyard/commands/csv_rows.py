"""Rows of a CSV file, read as a model's inputs say."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.cells import Input
from modelyard.error import invalid_rows
from modelyard.tensors import BYTES, Array

MISSING_WORDS = ("", "NA", "NaN", "nan", "null")
"""What the server takes for a missing value in an uploaded table; the same here, no skew."""

# The first bytes of what people take for a table too.
_OTHER_FORMATS = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel or ZIP file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"\x1f\x8b": "a gzip file",
}
_OTHER_SEPARATORS = {";": "';'", "\t": "tabs"}

_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class CsvRows:
    """What a file holds for a model.

    Attributes:
        columns: The values by input; None where a cell has nothing.
        ignored: The columns that the model does not take, such as the target.
    """

    columns: dict[str, list[Any] | Array]
    ignored: list[str]


def read_csv_rows(path: Path, inputs: Sequence[Input]) -> CsvRows:
    """Read a CSV file with a header line.

    A model whose only input is a matrix gets all columns of the file, in their order.

    Raises:
        ModelyardError: It is no such file, lacks columns, or a cell does not hold what the
            model takes.
    """
    names, rows = _read(path)
    _check_separator(path, names, [it.name for it in inputs])
    if not rows:
        raise invalid_rows(f"{path} has no rows below its header line")
    if len(inputs) == 1 and inputs[0].name not in names and list(inputs[0].shape[1:]) != [1]:
        cells = [_read_column(inputs[0], name, rows) for name in names]
        return CsvRows({inputs[0].name: np.array(cells).T}, [])
    taken = {it.name: it for it in inputs}
    _check_complete(path, names, list(taken))
    columns = {name: _read_column(taken[name], name, rows) for name in names if name in taken}
    return CsvRows(dict(columns), [name for name in names if name not in taken])


def _read(path: Path) -> tuple[list[str], list[dict[str, str | None]]]:
    """Read the header and the rows."""
    # A pipe can be read only once, so all is read before anything is looked at.
    with path.open("rb") as file:
        content = file.read()
    for start, what in _OTHER_FORMATS.items():
        if content.startswith(start):
            raise invalid_rows(f"{path} is {what}; only CSV is read here")
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise invalid_rows(f"{path} is no CSV file in UTF-8: {error}") from None
    names = list(reader.fieldnames or ())
    if not names:
        raise invalid_rows(f"{path} is empty; a header line with the columns' names comes first")
    return names, rows


def _check_separator(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a header that is cut by something else than commas."""
    header = ",".join(names)
    for separator, words in _OTHER_SEPARATORS.items():
        # A name may hold a semicolon; a header of known names, or with more commas, is fine.
        if header.count(separator) > header.count(",") and not set(names) & set(wanted):
            raise invalid_rows(
                f"{path}: the fields are separated by {words}; save them with commas"
            )


def _check_complete(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Name all columns that the file lacks, each with one of the file that may be meant."""
    spare = [name for name in names if name not in wanted]
    lacking = []
    for name in (it for it in wanted if it not in names):
        close = get_close_matches(name, spare, n=1)
        meant = f" (did you mean '{close[0]}' of the file?)" if close else ""
        lacking.append(f"'{name}'{meant}")
    if lacking:
        noun = "column" if len(lacking) == 1 else "columns"
        raise invalid_rows(
            f"{path} lacks the {noun} {', '.join(lacking)}; a value that is not known is an "
            "empty cell"
        )


def _read_column(wanted: Input, name: str, rows: Sequence[dict[str, str | None]]) -> list[Any]:
    """Read one column; a missing word is a missing value, whatever the type."""
    values = []
    for line, row in enumerate(rows, start=2):
        text = row[name] or ""
        try:
            missing = text.strip() in MISSING_WORDS
            values.append(None if missing else _read_cell(wanted.datatype, text))
        except (ValueError, KeyError):
            raise invalid_rows(
                f"column '{name}' must hold {wanted.datatype}; row {line} of the file holds "
                f"'{text}'"
            ) from None
    return values


def _read_cell(datatype: str, text: str) -> Any:
    """Read one cell as a type of the protocol."""
    if datatype == BYTES:
        return text
    if datatype == "BOOL":
        return _TRUTHS[text.strip().lower()]
    return int(text) if "INT" in datatype else float(text)
