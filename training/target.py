"""The column to predict: whether it will do for its task, and in which type it is taken."""

import numpy as np
import polars as pl

from registry.signature import Task
from training.columns import Column, ColumnType, Table
from training.refusal import FitRefused

MAX_CLASSES = 1000
MIN_ROWS = 10
_LARGEST_EXACT = 2.0**53
# Of the standard deviation: a coarser step shows in the figures of an accurate model.
_COARSE_STEP = 1e-3
_LARGEST_FP32 = float(np.finfo(np.float32).max)


def find_target(table: Table, name: str) -> Column:
    """Find the column to predict.

    Raises:
        FitRefused: There is none, or nothing can be predicted from it.
    """
    for column in table.columns:
        if column.name == name:
            if column.type is ColumnType.TIME:
                raise FitRefused(
                    "TARGET_NOT_NUMERIC",
                    f"the target {name!r} holds times, which can't be predicted; choose a column"
                    " of numbers, text or booleans",
                )
            return column
    known = ", ".join(repr(column.name) for column in table.columns[:20])
    raise FitRefused("TARGET_NOT_FOUND", f"the table has no column {name!r}; it has {known}")


def take_target(frame: pl.DataFrame, target: Column, task: Task) -> pl.Series:
    """Take the target in the type in which it will be predicted; unusable values are null.

    Returns:
        Classes as String, Int64 or Boolean, or values as finite Float64; one per row.

    Raises:
        FitRefused: The column is not of the task's kind.
    """
    values = frame[target.name]
    if task is Task.REGRESSION:
        return _take_numbers(values, target)
    if target.type is ColumnType.FLOAT:
        return _take_whole_numbers(values)
    if target.type is ColumnType.TEXT:
        # The empty text is a missing one, in every column.
        return values.set(values == "", None)
    return values


def _take_numbers(values: pl.Series, target: Column) -> pl.Series:
    if target.type not in (ColumnType.INTEGER, ColumnType.FLOAT):
        raise FitRefused(
            "TARGET_NOT_NUMERIC",
            f"the target {target.name!r} holds {target.type}, but regression predicts numbers;"
            " ask for classification, or choose a column of numbers",
        )
    numbers = values.cast(pl.Float64)
    numbers = numbers.set(~numbers.is_finite(), None)
    if (numbers.abs() > _LARGEST_FP32).any():
        raise FitRefused(
            "TARGET_INVALID",
            f"the target {target.name!r} holds numbers beyond {_LARGEST_FP32:.2g}, which a model"
            " can't answer; divide them",
        )
    return numbers


def _take_whole_numbers(values: pl.Series) -> pl.Series:
    """Take classes that are whole numbers, such as 0.0 and 1.0 in a file that knows no integers."""
    present = values.drop_nulls()
    if (present.abs() < _LARGEST_EXACT).all() and (present == present.round()).all():
        return values.cast(pl.Int64)
    raise FitRefused(
        "TARGET_NOT_CATEGORICAL",
        f"the target {values.name!r} holds decimal numbers, which are no classes; ask for"
        " regression, or choose a column of text, booleans or whole numbers",
    )


def check_target(known: pl.Series, task: Task) -> None:
    """Check that there is something to learn from the rows whose target is known.

    Raises:
        FitRefused: There are too few rows, or one class or value, or too many classes.
    """
    rows, distinct, name = len(known), known.n_unique(), known.name
    if rows < MIN_ROWS:
        raise FitRefused(
            "TOO_FEW_ROWS",
            f"the target {name!r} is known in {rows} rows; at least {MIN_ROWS} are needed to train",
        )
    if distinct == 1:
        raise FitRefused(
            "ONE_CLASS" if task is Task.CLASSIFICATION else "ONE_VALUE",
            f"the target {name!r} has one value in every row, so there is nothing to learn;"
            " add rows with other values",
        )
    if task is Task.CLASSIFICATION and distinct > min(MAX_CLASSES, rows // 2):
        raise FitRefused(
            "TOO_MANY_CLASSES",
            f"the target {name!r} has {distinct} classes in {rows} rows; at most {MAX_CLASSES} are"
            " learned, with two rows each on average: choose another column, or regression if it"
            " holds numbers",
        )


def describe_rounding(known: pl.Series) -> str:
    """Say how coarse FP32, the type of the answers, is for a target of regression; or nothing."""
    values = known.to_numpy()
    # The largest FP32 number has no next one to measure the step to.
    step = float(np.spacing(np.float32(min(np.abs(values).max(), _LARGEST_FP32 / 2))))
    if step < _COARSE_STEP * float(values.std()):
        return ""
    return (
        f"the target {known.name!r} is so large that answers are rounded to steps of {step:.3g};"
        " subtract a constant for finer ones"
    )
