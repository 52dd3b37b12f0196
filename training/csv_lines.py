"""The records of a CSV file, in batches of bounded size."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from training.csv_dialect import Reader, codec_of, open_reader
from training.csv_options import CsvOptions
from training.errors import TableInvalid
from training.table_limits import (
    BATCH_CHARACTERS,
    MAX_CELL_CHARACTERS,
    MAX_LINE_CHARACTERS,
    batch_rows,
    check_names,
    check_rows,
)


class CsvLines:
    """Reads the records of a file, once.

    Args:
        path: The file.
        options: How it is written; delimiter and encoding are known.
    """

    def __init__(self, path: Path, options: CsvOptions) -> None:
        self._path = path
        self._options = options
        self._characters = 0

    def read(self) -> Iterator[tuple[list[str], list[list[str]]]]:
        """Yield the columns' names with the next records, each as wide as the names; none is empty.

        The first batch may have no records.

        Raises:
            TableInvalid: The lines or the names are not in order, or a limit is exceeded.
            UnicodeDecodeError: The text is not in the encoding.
        """
        with self._path.open(encoding=codec_of(self._options.encoding), newline="") as file:
            reader = open_reader(self._lines(file), self._options)
            try:
                yield from self._batches(reader)
            except csv.Error as error:
                raise TableInvalid(_describe(error, reader.line_num)) from error

    def _lines(self, file: TextIO) -> Iterator[str]:
        number = 0
        while line := file.readline(MAX_LINE_CHARACTERS):
            number += 1
            self._characters += len(line)
            if len(line) == MAX_LINE_CHARACTERS:
                raise TableInvalid(
                    f"line {number} is longer than {MAX_LINE_CHARACTERS} characters; is this CSV?"
                )
            if "\0" in line:
                raise TableInvalid(
                    f"line {number} holds a zero byte: this is no text, so no CSV; if it is"
                    " UTF-16, say so"
                )
            yield line

    def _batches(self, reader: Reader) -> Iterator[tuple[list[str], list[list[str]]]]:
        records = (row for row in reader if row)
        first = next(records, [])
        names = first if self._options.has_header else _number_columns(len(first))
        check_names(names)
        batch = [] if self._options.has_header else [first]
        most, total, width, begun = batch_rows(len(names)), 0, len(names), self._characters
        for number, row in enumerate(records, start=1 + len(batch)):
            if len(row) != width:
                raise TableInvalid(_describe_width(number, len(row), width))
            batch.append(row)
            if len(batch) >= most or self._characters - begun > BATCH_CHARACTERS:
                total += len(batch)
                check_rows(total)
                yield names, batch
                batch, begun = [], self._characters
        if batch or not total:
            yield names, batch


def _number_columns(count: int) -> list[str]:
    return [f"column_{number}" for number in range(1, count + 1)]


def _describe_width(number: int, width: int, wanted: int) -> str:
    return (
        f"row {number} after the header has {width} fields, the header has {wanted};"
        " put fields that hold delimiters or line breaks in double quotes"
    )


def _describe(error: csv.Error, line: int) -> str:
    if "field larger than" in str(error):
        return (
            f"a field at line {line} of the CSV is longer than {MAX_CELL_CHARACTERS} characters;"
            " shorten it, or look for a quote that is not closed"
        )
    return f"line {line} of the CSV is malformed: {error}"
