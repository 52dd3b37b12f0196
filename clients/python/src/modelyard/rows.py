"""Rows as people have them, made into the tensors that a model takes."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np

from modelyard.cells import FLOATS, Input, convert
from modelyard.error import ModelyardError, invalid_rows
from modelyard.frames import ArrowStream, Frame, read_columns
from modelyard.tensors import BYTES, Array, Tensor

Rows: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Array | Frame | ArrowStream
"""One row, rows, columns by name, a data frame or Arrow data, or the matrix of a model's one
input."""


def to_tensors(rows: Rows, inputs: Sequence[Input], optional: Collection[str] = ()) -> list[Tensor]:
    """Make one tensor for each input of a model.

    A missing value is None or NaN, and also a pandas NA; it becomes NaN in a column of
    floating-point numbers and the empty text in a column of text.

    Args:
        rows: The rows.
        inputs: What the model takes.
        optional: The columns that may be left out; all their values are missing then.

    Raises:
        ModelyardError: A column is unknown, lacking, or does not hold what the model takes.
    """
    columns = dict(_as_columns(rows, [it.name for it in inputs]))
    _check_names(columns, inputs, optional)
    count = _count_rows(rows, columns)
    for left_out in (it for it in optional if it not in columns):
        columns[left_out] = [None] * count
    tensors = [_to_tensor(it, columns[it.name]) for it in inputs]
    lengths = {it.name: len(it.array) for it in tensors if it.array.ndim}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"'{name}' {length}" for name, length in lengths.items())
        raise invalid_rows(f"the columns differ in length: {listed}")
    return tensors


def _as_columns(rows: Rows, names: Sequence[str]) -> Mapping[str, Any]:
    """Turn any form of rows into columns by name."""
    if isinstance(rows, np.ndarray):
        if len(names) != 1:
            raise invalid_rows(f"the model takes columns by name: {', '.join(names)}")
        return {names[0]: rows}
    if isinstance(rows, Mapping):
        is_one_row = not any(_is_column(value) for value in rows.values())
        return {name: [value] for name, value in rows.items()} if is_one_row else rows
    # To ask for a protocol takes long, which one row in a list would notice.
    if not isinstance(rows, list | tuple) and isinstance(rows, Frame | ArrowStream):
        return read_columns(rows)
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise invalid_rows(
                f"a row is a mapping from column to value; row {number} is {type(row).__name__}"
            )
    # A list holds the names in the order of their first appearance.
    found = list(dict.fromkeys(name for row in rows for name in row)) if rows else names
    return {name: [row.get(name) for row in rows] for name in found}


def _is_column(value: object) -> bool:
    """Tell values from one value, which may be text."""
    return hasattr(value, "__len__") and not isinstance(value, str | bytes)


def _count_rows(rows: Rows, columns: Mapping[str, Any]) -> int:
    """Tell how many rows there are, for columns that are left out."""
    if isinstance(rows, Sequence):
        return len(rows)
    return next((len(values) for values in columns.values() if _is_column(values)), 1)


def _check_names(
    columns: Mapping[str, Any], inputs: Sequence[Input], optional: Collection[str]
) -> None:
    """Refuse columns that the model does not know, then those that it lacks."""
    names = [it.name for it in inputs]
    for unknown in (name for name in columns if name not in names):
        close = get_close_matches(str(unknown), names, n=3)
        hint = " or ".join(f"'{name}'" for name in close)
        hint = f" (did you mean {hint}?)" if hint else ""
        raise invalid_rows(
            f"the model has no column '{unknown}'{hint}; it takes {', '.join(names)}"
        )
    for wanted in inputs:
        if wanted.name not in columns and wanted.name not in optional:
            raise _lacking(wanted)


def _lacking(wanted: Input) -> ModelyardError:
    """Make the error of a column that must be there."""
    can_miss = wanted.datatype in FLOATS or wanted.datatype == BYTES
    advice = (
        "give None for a value that is not known"
        if can_miss
        else f"each row must have a value of {wanted.datatype}"
    )
    return invalid_rows(f"column '{wanted.name}' is lacking; {advice}")


def _to_tensor(wanted: Input, values: Any) -> Tensor:
    """Convert one column to the type and shape that the model takes."""
    if not _is_column(values):
        raise invalid_rows(f"column '{wanted.name}' is one value where others hold many")
    return Tensor(wanted.name, wanted.datatype, _shaped(wanted, convert(wanted, values)))


def _shaped(wanted: Input, array: Array) -> Array:
    """Give a column its dimensions: [n] becomes [n, 1]; one row of a matrix becomes [1, n]."""
    shape = tuple(wanted.shape)
    if array.ndim == len(shape):
        fitting = array
    elif array.ndim == 1 and (shape[1:] == (1,) or not array.size):
        fitting = array.reshape(-1, *(max(length, 0) for length in shape[1:]))
    else:
        fitting = array[np.newaxis]
    agrees = fitting.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, fitting.shape, strict=True)
    )
    if not agrees:
        raise invalid_rows(
            f"input '{wanted.name}' has shape {list(shape)}; this has {list(array.shape)}"
        )
    return fitting
