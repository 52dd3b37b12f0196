"""What about a table may spoil a model, told before anybody trains on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from training.columns import Column, ColumnType, TableWarning

MAX_WARNINGS = 200

_FEWEST_ROWS = 20
_MOSTLY = 0.5
_SOME = 0.01
_NEARLY_ALL = 0.9
_NEARLY_DISTINCT = 0.98
_NUMBER = r"^\s*[+-]?([0-9]+|[0-9]{1,3}([., '][0-9]{3})+)([.,][0-9]+)?([eE][+-]?[0-9]+)?\s*$"
_DATE = (
    r"^\s*([0-9]{1,2}[./-][0-9]{1,2}[./-]([0-9]{2}|[0-9]{4})|[0-9]{4}[./-][0-9]{1,2}[./-][0-9]{1,2}"
    r"|[0-9]{1,2}[ -][A-Za-z]{3,9}\.?[ -][0-9]{2,4}|[A-Za-z]{3,9}\.? [0-9]{1,2},? [0-9]{4})\b"
)


class TextShapes:
    """Counts what texts look like."""

    def __init__(self) -> None:
        self.count = 0
        self.numbers = 0
        self.dates = 0
        self.other = ""

    def add(self, texts: pl.Series) -> None:
        """Take more texts; none is null."""
        is_number = texts.str.contains(_NUMBER)
        self.count += len(texts)
        self.numbers += int(is_number.sum())
        self.dates += int(texts.str.contains(_DATE).sum())
        if not self.other and not is_number.all():
            self.other = texts.filter(~is_number)[0][:40]


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column's profile, a digest of all its values in order, and what its texts look like."""

    column: Column
    digest: bytes
    shapes: TextShapes


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What warnings are made from.

    Attributes:
        row_count: How many rows there are.
        distinct_rows: How many different ones.
        exact: Whether that is exact.
        columns: The columns.
    """

    row_count: int
    distinct_rows: int
    exact: bool
    columns: tuple[ColumnFacts, ...]


def find_warnings(facts: TableFacts) -> tuple[TableWarning, ...]:
    """Find what may spoil a model: `MAX_WARNINGS` at most, and one that tells of more."""
    found = [*_of_rows(facts), *_of_copies(facts)]
    for column in facts.columns:
        found += _of_column(column, facts.row_count)
    if len(found) <= MAX_WARNINGS:
        return tuple(found)
    more = f"{len(found) - MAX_WARNINGS} more warnings are left out"
    return (*found[:MAX_WARNINGS], TableWarning("MORE_WARNINGS", "", more))


def _of_rows(facts: TableFacts) -> Iterator[TableWarning]:
    copies = facts.row_count - facts.distinct_rows
    # An estimate is off by a thousandth: a few copies can't be seen in it.
    if copies > (0 if facts.exact else facts.row_count * _SOME):
        about = "" if facts.exact else "about "
        yield TableWarning(
            "DUPLICATE_ROWS",
            "",
            f"{about}{copies} of {facts.row_count} rows repeat an earlier one; if that is a"
            " mistake, remove them: copies in both parts of a split make a model look better",
        )


def _of_copies(facts: TableFacts) -> Iterator[TableWarning]:
    first: dict[tuple[ColumnType, bytes], str] = {}
    for it in facts.columns:
        if it.column.distinct_count < 2:  # noqa: PLR2004  constant columns are told of as such
            continue
        original = first.setdefault((it.column.type, it.digest), it.column.name)
        if original != it.column.name:
            yield TableWarning(
                "DUPLICATE_COLUMN",
                it.column.name,
                f"{it.column.name!r} has the values of {original!r} in every row; leave one out",
            )


def _of_column(it: ColumnFacts, rows: int) -> Iterator[TableWarning]:
    column, name = it.column, it.column.name
    present = rows - column.missing_count
    if column.missing_count > rows * _MOSTLY:
        share = 100 * column.missing_count / rows
        yield TableWarning(
            "MOSTLY_MISSING", name, f"{name!r} has no value in {share:.0f} % of the rows"
        )
    if column.distinct_count == 1 and not column.missing_count:
        yield TableWarning("CONSTANT", name, f"{name!r} has one value only: it tells nothing")
    elif present >= _FEWEST_ROWS and _identifies(column, present):
        yield TableWarning(
            "IDENTIFIER_LIKE",
            name,
            f"{name!r} looks like an identifier, with {column.distinct_count} values in {present}"
            " rows; a model can only learn it by heart",
        )
    if column.type is ColumnType.TEXT and present >= 1:
        yield from _of_texts(name, it.shapes)


def _identifies(column: Column, present: int) -> bool:
    if column.type is ColumnType.TEXT:
        return column.distinct_count * 2 > present
    if column.type is not ColumnType.INTEGER or column.minimum is None or column.maximum is None:
        return False
    # Numbers that count the rows, with few gaps.
    width = column.maximum - column.minimum + 1
    return column.distinct_count >= present * _NEARLY_DISTINCT and width <= present * 2


def _of_texts(name: str, shapes: TextShapes) -> Iterator[TableWarning]:
    if shapes.dates > shapes.count * _NEARLY_ALL:
        yield TableWarning(
            "DATE_AS_TEXT",
            name,
            f"{name!r} holds dates but was read as text; write them as YYYY-MM-DD, or say that"
            " its type is time",
        )
    elif shapes.numbers == shapes.count and not shapes.other:
        yield TableWarning(
            "NUMBERS_AS_TEXT",
            name,
            f"{name!r} holds numbers but was read as text, as some begin with zeros, have more"
            " than 64 bits or use other separators; if they are no codes, say its type, or the"
            " decimal and thousands separators",
        )
    elif shapes.numbers > shapes.count * _MOSTLY:
        yield TableWarning(
            "MIXED_TYPES",
            name,
            f"{name!r} was read as text: {shapes.numbers} of {shapes.count} values are numbers,"
            f" but {shapes.other!r} is none; if it means a missing value, say so",
        )
