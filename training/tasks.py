"""Which task a table's targets are for, told from their profile."""

from collections.abc import Sequence

from registry.signature import Task
from training.columns import Column, ColumnType

_MAX_INFERRED_CLASSES = 20


def infer_task_of(targets: Sequence[Column], row_count: int) -> Task:
    """Tell the task from its targets: several that each say yes or no are labels."""
    if len(targets) == 1:
        return infer_task(targets[0], row_count)
    return Task.MULTILABEL_CLASSIFICATION if all(map(_is_label, targets)) else Task.REGRESSION


def infer_task(target: Column, row_count: int) -> Task:
    """Tell the task from its one target.

    Text, booleans and integers of few values (two, or at most 20 that each stand in ten rows
    on average) are classes; other numbers are values.
    """
    if target.type in (ColumnType.TEXT, ColumnType.BOOLEAN):
        return Task.CLASSIFICATION
    few = max(2, min(_MAX_INFERRED_CLASSES, row_count // 10))
    if target.type is ColumnType.INTEGER and target.distinct_count <= few:
        return Task.CLASSIFICATION
    return Task.REGRESSION


def _is_label(column: Column) -> bool:
    if column.type is ColumnType.BOOLEAN:
        return True
    is_number = column.type in (ColumnType.INTEGER, ColumnType.FLOAT)
    return is_number and (column.minimum, column.maximum, column.distinct_count) == (0, 1, 2)
