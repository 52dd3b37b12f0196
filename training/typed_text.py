"""Texts to values: which types hold every text of a column, and the values in one of them.

Whitespace round a value is no part of it. Numbers with leading zeros and whole numbers beyond
64 bits are codes and stay text. Times become UTC where they tell their zone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from training.columns import ColumnType
from training.csv_options import CsvOptions

TIME = pl.Datetime("us")

_INTEGER = r"^[+-]?(0|[1-9][0-9]*)$"
_FLOAT = r"^[+-]?(((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
_YEAR_FIRST = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCKS = ("", " %H:%M", " %H:%M:%S%.f")
_ZONES = ("", "%:z")
# Never told from values, as the first two contradict each other: only where a caller says
# that a column holds times.
_OTHER_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d")

Parse = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True, slots=True)
class Parser:
    """One way to read texts.

    Attributes:
        name: What it reads, for people.
        type: What its values are.
        parse: Takes texts without whitespace around them; what it can't read becomes null.
    """

    name: str
    type: ColumnType
    parse: Parse


def make_parsers(options: CsvOptions, wanted: ColumnType | None) -> list[Parser]:
    """List the ways to read a column, the narrowest first.

    Args:
        options: How numbers are written.
        wanted: What a caller says the column holds; None for every type. Text needs no parser.
    """
    if wanted is ColumnType.TIME:
        others = [Parser(form, wanted, _date_parser(form)) for form in _OTHER_DATES]
        return [Parser("times", wanted, _parse_time), *others]
    if wanted is ColumnType.TEXT:
        return []
    every = [
        Parser("true or false", ColumnType.BOOLEAN, _parse_boolean),
        Parser("whole numbers", ColumnType.INTEGER, _number_parser(options, _INTEGER, pl.Int64())),
        # Whole numbers that do not fit: they must not be rounded to floating-point numbers.
        Parser("codes", ColumnType.TEXT, _parse_codes),
        Parser("numbers", ColumnType.FLOAT, _number_parser(options, _FLOAT, pl.Float64())),
        Parser("times", ColumnType.TIME, _parse_time),
    ]
    return [parser for parser in every if wanted in (None, parser.type)]


def find_words(texts: pl.Series, missing_words: tuple[str, ...]) -> pl.Series:
    """Strip texts, and make those that stand for no value null."""
    words = texts.str.strip_chars()
    return words.set(words.is_in(missing_words), None)


def reads_all(parser: Parser, words: pl.Series) -> bool:
    """Tell whether a parser reads every text that is there."""
    return parser.parse(words).null_count() == words.null_count()


def _parse_boolean(words: pl.Series) -> pl.Series:
    lower = words.str.to_lowercase()
    values = {"true": True, "false": False}
    return lower.replace_strict(values, default=None, return_dtype=pl.Boolean)


def _number_parser(options: CsvOptions, shape: str, dtype: pl.DataType) -> Parse:
    def parse(words: pl.Series) -> pl.Series:
        plain = _to_plain_numbers(words, options.decimal, options.thousands)
        return plain.set(~plain.str.contains(shape), None).cast(dtype, strict=False)

    return parse


def _parse_codes(words: pl.Series) -> pl.Series:
    return words.set(~words.str.contains(_INTEGER), None)


def _to_plain_numbers(words: pl.Series, decimal: str, thousands: str) -> pl.Series:
    """Write numbers as programs do: a point before the fraction, nothing between digits."""
    if decimal == "." and not thousands:
        return words
    foreign = words.is_null()
    if thousands:
        grouped = rf"^[+-]?[0-9]{{1,3}}(\x{{{ord(thousands):x}}}[0-9]{{3}})+([^0-9].*)?$"
        has_groups = words.str.contains(thousands, literal=True)
        foreign |= has_groups & ~words.str.contains(grouped)
    if decimal != "." and thousands != ".":
        foreign |= words.str.contains(".", literal=True)
    plain = words.set(foreign, None)
    plain = plain.str.replace_all(thousands, "", literal=True) if thousands else plain
    return plain.str.replace(decimal, ".", literal=True)


def _parse_time(words: pl.Series) -> pl.Series:
    words = words.set(~words.str.contains(_YEAR_FIRST), None)
    if words.null_count() == len(words):
        return words.cast(TIME)
    # The zone's colon may be missing, and Z is a zone.
    plain = words.str.replace("[Tt]", " ").str.replace("[Zz]$", "")
    plain = plain.str.replace(r"(:[0-9.]+ ?)([+-][0-9]{2}):?([0-9]{2})$", "$1$2:$3")
    return _first_that_fits(plain, "%Y-%m-%d")


def _date_parser(date: str) -> Parse:
    return lambda words: _first_that_fits(words, date)


def _first_that_fits(words: pl.Series, date: str) -> pl.Series:
    found = pl.Series(words.name, [None], TIME).new_from_index(0, len(words))
    for zone in _ZONES:
        for clock in _CLOCKS if not zone else _CLOCKS[1:]:
            parsed = words.str.strptime(TIME, date + clock + zone, strict=False)
            found = found.fill_null(parsed.dt.replace_time_zone(None))
            if found.null_count() == words.null_count():
                return found
    return found
