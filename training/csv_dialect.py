"""Finds out how a CSV file is written where its owner did not say."""

import codecs
import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from training.csv_options import CsvOptions

FALLBACK_ENCODING = "windows-1252"
"""What most spreadsheets of the western world write where they do not write UTF-8."""


_DELIMITERS = ",;\t|"
_SAMPLE_CHARACTERS = 1 << 16
_SAMPLE_ROWS = 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Reader(Protocol):
    """Python's reader of records."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the records."""
        ...


def detect_encoding(path: Path) -> str:
    """Tell the encoding from the file's first bytes; without a mark it is taken for UTF-8."""
    with path.open("rb") as file:
        first = file.read(4)
    return next((encoding for mark, encoding in _MARKS if first.startswith(mark)), "utf-8")


def codec_of(encoding: str) -> str:
    """Name the codec that reads an encoding, with or without a mark before the text."""
    return {"utf-8": "utf-8-sig"}.get(encoding, encoding)


def detect_delimiter(path: Path, options: CsvOptions) -> str:
    """Tell the delimiter: the one that divides the first line, and most lines like it."""
    with path.open(encoding=codec_of(options.encoding), newline="", errors="replace") as file:
        sample = file.read(_SAMPLE_CHARACTERS)
    reserved = {options.quote, options.escape}
    candidates = [character for character in _DELIMITERS if character not in reserved]
    return max(candidates, key=lambda it: _score(sample, replace(options, delimiter=it)))


def _score(sample: str, options: CsvOptions) -> tuple[bool, int, int]:
    """Say how well a delimiter fits; of equally good ones the first is taken."""
    widths = []
    try:
        for row in open_reader(sample.splitlines(keepends=True), options):
            if row:
                widths.append(len(row))
            if len(widths) == _SAMPLE_ROWS:
                break
    except csv.Error:
        # The sample may end inside quotes; what is wrong with the file is told later.
        pass
    if not widths or widths[0] == 1:
        return False, 0, 0
    return True, sum(width == widths[0] for width in widths), widths[0]


def open_reader(lines: Iterable[str], options: CsvOptions) -> Reader:
    """Open a reader of lines in a dialect."""
    return csv.reader(
        lines,
        delimiter=options.delimiter,
        quotechar=options.quote,
        escapechar=options.escape or None,
        strict=True,
    )
