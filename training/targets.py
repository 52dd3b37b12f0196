"""Several columns to predict: whether they will do for their task, and how they are taken."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from registry.signature import Task
from training.columns import Column, Table
from training.features import Array
from training.refusal import FitRefused
from training.target import check_target, find_target, take_target


def find_targets(table: Table, names: Sequence[str]) -> list[Column]:
    """Find the columns to predict.

    Raises:
        FitRefused: There is no such column, or nothing can be predicted from it.
    """
    return [find_target(table, name) for name in names]


def take_targets(frame: pl.DataFrame, targets: Sequence[Column], task: Task) -> pl.DataFrame:
    """Take the targets in the types in which they will be predicted; unusable values are null.

    Raises:
        FitRefused: A column is not of the task's kind.
    """
    taken = [take_target(frame, target, task.of_one_target) for target in targets]
    if task is Task.MULTILABEL_CLASSIFICATION:
        for values in taken:
            _check_label(values)
    return pl.DataFrame(taken)


def _check_label(values: pl.Series) -> None:
    known = values.drop_nulls()
    is_binary = known.dtype.is_integer() and known.is_in([0, 1]).all()
    if known.dtype != pl.Boolean and not is_binary:
        raise FitRefused(
            "TARGET_NOT_BINARY",
            f"the target {values.name!r} holds other values than true and false, or 1 and 0; a"
            " label is a column of such for each class",
        )


def check_targets(known: pl.DataFrame, task: Task) -> None:
    """Check that there is something to learn for each target.

    Raises:
        FitRefused: There are too few rows, or one class or value, or too many classes.
    """
    for values in known:
        check_target(values, task.of_one_target)


def to_array(known: pl.DataFrame) -> Array:
    """Make what is learned: [rows] of one target, [rows, targets] of several.

    Booleans stay booleans if all are; of texts the array holds objects.
    """
    if known.width > 1:
        # Stacked with numbers, booleans become 0 and 1.
        return np.column_stack([values.to_numpy() for values in known])
    values = known.to_series()
    return values.to_numpy().astype(object) if values.dtype == pl.String else values.to_numpy()
