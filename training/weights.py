"""How much each row counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from training.columns import ColumnType, Table
from training.features import Array
from training.learning import LARGEST_WEIGHT, LEAST_WEIGHT
from training.refusal import FitRefused


def take_weights(frame: pl.DataFrame, table: Table, name: str) -> Array:
    """Take the weights of a table's rows, FP64 [rows]; 0 is a row that does not count.

    Raises:
        FitRefused: There is no such column, or it holds what is no weight.
    """
    column = next((column for column in table.columns if column.name == name), None)
    if column is None or column.type not in (ColumnType.INTEGER, ColumnType.FLOAT):
        raise FitRefused(
            "WEIGHTS_INVALID",
            f"the weight column {name!r} is {column.type if column else 'not in the table'};"
            " weights are numbers",
        )
    weights = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    legal = (weights == 0) | ((weights >= LEAST_WEIGHT) & (weights <= LARGEST_WEIGHT))
    if not legal.all():
        row = int(np.argmin(legal))
        value = "missing" if np.isnan(weights[row]) else f"{weights[row]:g}"
        raise FitRefused(
            "WEIGHTS_INVALID",
            f"the weight column {name!r} has {int((~legal).sum())} values that are no weights;"
            f" that of row {row + 1} is {value}, and a weight is 0, or from {LEAST_WEIGHT:g} to"
            f" {LARGEST_WEIGHT:g}",
        )
    return weights


def weigh_classes(target: Array, classes: Mapping[str, Any], weights: Mapping[str, float]) -> Array:
    """Give every row the weight of its class.

    Args:
        target: [rows] The classes.
        classes: Every class by the text it is known by.
        weights: Weight by such a text; classes that are not in it count 1.

    Returns:
        FP64 [rows].

    Raises:
        FitRefused: A weight is for no class.
    """
    if unknown := [text for text in weights if text not in classes]:
        known = ", ".join(repr(text) for text in list(classes)[:20])
        raise FitRefused(
            "WEIGHTS_INVALID",
            f"class_weights names {unknown[0][:100]!r}, which is no class of the target; there"
            f" are {known}",
        )
    found = np.ones(len(target))
    for text, weight in weights.items():
        found[target == classes[text]] = weight
    return found
