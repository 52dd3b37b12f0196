"""How a version is evaluated: what a job asks for, checked before there is a job."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from registry.errors import FieldInvalid
from registry.signature import Task
from training.columns import Column, ColumnType, describe_unknown

FEWEST_FOLDS, MOST_FOLDS = 2, 20

_FIELD = "training_job.evaluation"
_ORDERED = (ColumnType.TIME, ColumnType.INTEGER, ColumnType.FLOAT)


class SplitKind(StrEnum):
    """How rows are divided into those to learn from and those to evaluate on."""

    RANDOM = "random"
    STRATIFIED = "stratified"
    GROUPED = "grouped"
    TIME_ORDERED = "time-ordered"


_WITH_COLUMN = (SplitKind.GROUPED, SplitKind.TIME_ORDERED)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a version is evaluated.

    The holdout rows are kept aside first, and the version is fitted on all others. Folds
    divide those others once more, for figures that hang less on which rows were held out;
    their pipelines are thrown away.

    Attributes:
        split: How rows are divided; None is stratified for classes and random for values.
        column: What tells the group of a row, none of which is ever divided, or its time:
            then the newest rows are held out, and folds are evaluated on what came after
            the rows they learn from. Not a feature unless it is named as one.
        folds: In how many folds the training rows are evaluated besides; 0 in none.
        segment: The column by whose values figures are told apart; empty chooses one.
    """

    split: SplitKind | None = None
    column: str = ""
    folds: int = 0
    segment: str = ""

    def resolve(self, task: Task) -> SplitKind:
        """Return how rows are divided for a task."""
        if self.split:
            return self.split
        return SplitKind.STRATIFIED if task is Task.CLASSIFICATION else SplitKind.RANDOM


DEFAULT = Scheme()
"""One holdout, without folds."""


def check_scheme(
    scheme: Scheme, columns: Mapping[str, Column], targets: Collection[str], task: Task
) -> None:
    """Find what is not legal in a scheme.

    Args:
        scheme: What is asked for.
        columns: The table's columns by name.
        targets: The columns to predict.
        task: What is done.

    Raises:
        FieldInvalid: Something is not legal; it names the field.
    """
    if scheme.folds and not FEWEST_FOLDS <= scheme.folds <= MOST_FOLDS:
        raise FieldInvalid(
            f"folds must be 0 for none, or {FEWEST_FOLDS} to {MOST_FOLDS}", field=f"{_FIELD}.folds"
        )
    if scheme.split is SplitKind.STRATIFIED and task is not Task.CLASSIFICATION:
        raise FieldInvalid(
            "only the classes of one target can be stratified; divide the rows by chance, by group"
            " or by time",
            field=f"{_FIELD}.split",
        )
    _check_column(scheme, columns, targets)
    if scheme.segment:
        _find(scheme.segment, columns, "segment_column")


def _check_column(scheme: Scheme, columns: Mapping[str, Column], targets: Collection[str]) -> None:
    name = "split_column"
    if bool(scheme.column) != (scheme.split in _WITH_COLUMN):
        raise FieldInvalid(
            "a grouped or time-ordered split needs split_column, and no other has one",
            field=f"{_FIELD}.{name}",
        )
    if not scheme.column:
        return
    column = _find(scheme.column, columns, name)
    if scheme.column in targets:
        raise FieldInvalid("a target can't divide the rows", field=f"{_FIELD}.{name}")
    if scheme.split is SplitKind.TIME_ORDERED and column.type not in _ORDERED:
        raise FieldInvalid(
            f"the column {column.name[:100]!r} holds {column.type}, which has no order in time;"
            " choose a column of times or numbers",
            field=f"{_FIELD}.{name}",
        )


def _find(name: str, columns: Mapping[str, Column], field: str) -> Column:
    if name in columns:
        return columns[name]
    raise FieldInvalid(
        describe_unknown(name, columns, field),
        field=f"{_FIELD}.{field}",
        details={"column": name[:100]},
    )
