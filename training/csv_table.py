"""CSV to typed frames, in two passes: what the columns hold, then their values.

Python's own parser reads the file, not polars': it names the line that is at fault, and
refuses a line with too few fields, which polars fills up in silence.

Blank lines are skipped. The words in `MISSING_WORDS` are missing values in columns of every
type, as R and pandas write and read them, unless the caller names others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from training.columns import ColumnType, TableWarning
from training.csv_dialect import FALLBACK_ENCODING, detect_delimiter, detect_encoding
from training.csv_lines import CsvLines
from training.csv_options import DEFAULT_MISSING_WORDS, CsvOptions
from training.errors import TableInvalid
from training.ingesting import ReadOptions
from training.typed_text import Parser, find_words, make_parsers, reads_all

MISSING_WORDS = DEFAULT_MISSING_WORDS


class CsvTable:
    """A CSV file whose columns' types are known.

    Args:
        path: The file.
        options: How to read it.

    Attributes:
        csv: How it is written, all known.
        notices: What was guessed of it.

    Raises:
        TableInvalid: The text, its lines, names or values are not in order.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path = path
        self._types = options.column_types
        self.csv, self._columns = self._look(options.csv)
        self.notices = _notice_encoding(options.csv, self.csv)

    def _look(self, options: CsvOptions) -> tuple[CsvOptions, list["_TextColumn"]]:
        told = replace(options, encoding=options.encoding or detect_encoding(self._path))
        try:
            return self._look_in(told)
        except UnicodeDecodeError as error:
            if options.encoding or told.encoding != "utf-8":
                raise _wrong_encoding(told.encoding) from error
        try:
            return self._look_in(replace(options, encoding=FALLBACK_ENCODING))
        except UnicodeDecodeError as error:
            raise _wrong_encoding("utf-8") from error

    def _look_in(self, options: CsvOptions) -> tuple[CsvOptions, list["_TextColumn"]]:
        """Make the first pass in a known encoding."""
        delimiter = options.delimiter or detect_delimiter(self._path, options)
        options = replace(options, delimiter=delimiter)
        columns: list[_TextColumn] = []
        for names, records in CsvLines(self._path, options).read():
            if not columns:
                check_types(self._types, names)
                columns = [_TextColumn(name, options, self._types.get(name)) for name in names]
            for column, texts in zip(columns, _to_series(names, records), strict=True):
                column.look(texts)
        for column in columns:
            column.decide()
        return options, columns

    def batches(self) -> Iterator[pl.DataFrame]:
        """Make the second pass.

        Returns:
            Columns of Boolean, Int64, Float64, Datetime or String; missing is null.
        """
        for names, records in CsvLines(self._path, self.csv).read():
            texts = zip(self._columns, _to_series(names, records), strict=True)
            yield pl.DataFrame([column.read(values) for column, values in texts])


class _TextColumn:
    """Finds the type of a column's texts, and reads them in it."""

    def __init__(self, name: str, options: CsvOptions, wanted: ColumnType | None) -> None:
        self._name = name
        self._missing = options.missing_words
        self._wanted = wanted
        self._parsers = make_parsers(options, wanted)
        self._rows = 0
        self._has_values = False

    def look(self, texts: pl.Series) -> None:
        """Drop the parsers that do not read these texts."""
        if not self._parsers:
            return
        words = find_words(texts, self._missing)
        self._has_values |= words.null_count() < len(words)
        fitting = [parser for parser in self._parsers if reads_all(parser, words)]
        if not fitting and self._wanted:
            raise TableInvalid(self._describe_misfit(self._parsers[0], words))
        self._parsers = fitting
        self._rows += len(words)

    def _describe_misfit(self, parser: Parser, words: pl.Series) -> str:
        wrong = parser.parse(words).is_null() & words.is_not_null()
        row = wrong.arg_max() or 0
        return (
            f"the column {self._name!r} was said to hold {self._wanted}, but row"
            f" {self._rows + row + 1} after the header holds {words[row][:80]!r}"
        )

    def decide(self) -> None:
        """Keep the narrowest parser; a column without values, or that none reads, is text."""
        if self._wanted is ColumnType.TIME and len(self._parsers) > 1 and self._has_values:
            forms = " and ".join(parser.name for parser in self._parsers[:2])
            raise TableInvalid(
                f"the times of the column {self._name!r} can be read as {forms}; write them as"
                " YYYY-MM-DD"
            )
        found = self._parsers[:1] if self._has_values or self._wanted else []
        self._parsers = [parser for parser in found if parser.type is not ColumnType.TEXT]

    def read(self, texts: pl.Series) -> pl.Series:
        """Read texts in the type that was found."""
        words = find_words(texts, self._missing)
        if self._parsers:
            return self._parsers[0].parse(words).alias(self._name)
        return texts.set(words.is_null(), None)


def check_types(types: Mapping[str, ColumnType], names: list[str]) -> None:
    """Check that the columns whose types a caller tells are there.

    Raises:
        TableInvalid: One is not.
    """
    if unknown := sorted(set(types) - set(names)):
        raise TableInvalid(
            f"column_types names {unknown[0]!r}, which is no column of the table; its columns"
            f" are {', '.join(repr(name) for name in names[:20])}"
        )


def _to_series(names: list[str], records: list[list[str]]) -> list[pl.Series]:
    columns = zip(*records, strict=True) if records else [()] * len(names)
    return [pl.Series(name, texts, pl.String) for name, texts in zip(names, columns, strict=True)]


def _wrong_encoding(encoding: str) -> TableInvalid:
    return TableInvalid(
        f"the text is not {encoding.upper()}; say its encoding, or save it with the encoding UTF-8"
    )


def _notice_encoding(said: CsvOptions, used: CsvOptions) -> tuple[TableWarning, ...]:
    if said.encoding or used.encoding != FALLBACK_ENCODING:
        return ()
    message = (
        f"the text is not UTF-8 and was read as {FALLBACK_ENCODING}; if letters look wrong, say"
        " its encoding"
    )
    return (TableWarning("ENCODING_GUESSED", "", message),)
