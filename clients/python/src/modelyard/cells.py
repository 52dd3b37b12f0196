"""The cells of one column, made the elements of the tensor that a model takes."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np

from modelyard.error import ModelyardError, invalid_rows
from modelyard.tensors import BF16, BYTES, NUMPY_TYPES, Array

FLOATS = frozenset({"FP16", "FP32", "FP64", BF16})
"""The types that have a NaN for what is missing."""

_TEXT = frozenset({str, bytes})
_TEXT_OR_NONE = _TEXT | {type(None)}
_NUMBERS_OR_NONE = frozenset({float, int, bool, type(None)})
# Every whole number up to here has a float of its own.
_EXACT_IN_FLOATS = 2.0**53


class Input(Protocol):
    """What a model says of one input: a `TensorSpec`, or a `TensorMetadata`."""

    @property
    def name(self) -> str:
        """The name."""

    @property
    def datatype(self) -> str:
        """The protocol's name of the type."""

    @property
    def shape(self) -> Sequence[int]:
        """The shape; -1 is any length."""


def convert(wanted: Input, values: Any) -> Array:
    """Convert a column's cells to the type that the model takes, shaped as they came.

    A missing value is None, NaN or a pandas NA; it becomes NaN in a column of floating-point
    numbers and the empty text in a column of text.

    Raises:
        ModelyardError: A cell does not fit; it is named with its column and row.
    """
    try:
        cells = _as_cells(values, exact=wanted.datatype not in FLOATS)
    except ValueError:
        raise invalid_rows(f"column '{wanted.name}' holds lists of different lengths") from None
    return _converter(wanted.datatype)(wanted, cells)


def _as_cells(values: Any, *, exact: bool) -> Array:
    """Make an array. NumPy would write numbers among text as text, and large integers as floats."""
    if exact and not hasattr(values, "dtype"):
        return np.asarray(values, dtype=object)
    cells = np.asarray(values)
    return cells if cells.dtype.kind not in "SU" else np.asarray(values, dtype=object)


def _converter(datatype: str) -> Callable[[Input, Array], Array]:
    """Choose how a column becomes a type."""
    if datatype == BYTES:
        return _to_texts
    return _to_floats if datatype in FLOATS else _to_integers


def _to_texts(wanted: Input, cells: Array) -> Array:
    """Return text, bytes, and times in ISO 8601 as objects, missing ones empty."""
    if cells.dtype.kind == "M":
        # Of nanoseconds NumPy would make plain numbers.
        cells = cells.astype("datetime64[us]")
    listed = cells.ravel().tolist()
    texts = np.empty(cells.size, dtype=object)
    texts[:] = listed
    kinds = set(map(type, listed))
    if not kinds <= _TEXT:
        are_text = np.fromiter((isinstance(it, str | bytes) for it in listed), bool, len(listed))
        if not kinds <= _TEXT_OR_NONE:
            others = np.flatnonzero(~are_text)
            texts[others] = [_to_text(wanted, row, listed[row]) for row in others.tolist()]
        else:
            texts[~are_text] = ""
    return texts.reshape(cells.shape)


def _to_text(wanted: Input, row: int, cell: Any) -> str:
    """Return what a cell that is no text is as text, if it is missing or a time."""
    if isinstance(cell, date) and cell == cell:  # noqa: PLR0124  pandas' NaT is a date
        return cell.isoformat()
    if _is_missing(cell):
        return ""
    raise _misfit(wanted, row, cell, "text")


def _to_floats(wanted: Input, cells: Array) -> Array:
    """Return numbers, missing ones NaN."""
    if cells.dtype.kind not in "fiub":
        listed = cells.ravel().tolist()
        if not _NUMBERS_OR_NONE.issuperset(map(type, listed)):
            listed = [
                None if _is_missing(cell) else _number(wanted, row, cell)
                for row, cell in enumerate(listed)
            ]
        try:
            cells = np.array(listed, dtype=np.float64).reshape(cells.shape)
        except OverflowError:
            raise invalid_rows(
                f"column '{wanted.name}' holds a number beyond all floating-point numbers"
            ) from None
    # What is too large for the model's type is infinite to it.
    with np.errstate(over="ignore"):
        return cells.astype(NUMPY_TYPES.get(wanted.datatype, np.dtype("<f4")))


def _to_integers(wanted: Input, cells: Array) -> Array:
    """Return whole numbers or truth values, none missing and none changed."""
    dtype = NUMPY_TYPES[wanted.datatype]
    flat = cells.ravel()
    if cells.dtype.kind not in "iub" and not _is_whole(flat):
        flat = np.array(
            [_whole(wanted, row, cell) for row, cell in enumerate(flat.tolist())], dtype=object
        )
    lowest, highest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if flat.size and not lowest <= flat.min() <= flat.max() <= highest:
        raise invalid_rows(
            f"column '{wanted.name}' must hold {wanted.datatype}, from {lowest} to {highest}; "
            f"it holds {flat.min()} to {flat.max()}"
        )
    return flat.astype(dtype).reshape(cells.shape)


def _is_whole(flat: Array) -> bool:
    """Tell whether floats are all whole numbers that lost nothing by being floats."""
    return flat.dtype.kind == "f" and bool(
        np.all(np.abs(flat) <= _EXACT_IN_FLOATS) and np.all(flat == np.floor(flat))
    )


def _whole(wanted: Input, row: int, cell: object) -> int:
    """Return a cell as a whole number."""
    if _is_missing(cell):
        raise invalid_rows(
            f"column '{wanted.name}' has no value in row {row}; a column of {wanted.datatype} "
            "must have one in each row"
        )
    number = _number(wanted, row, cell)
    if number != number // 1:
        raise _misfit(wanted, row, cell, wanted.datatype)
    return int(number)


def _number(wanted: Input, row: int, cell: object) -> Any:
    """Return a cell that is a number, of Python, NumPy or the standard library."""
    if isinstance(cell, str | bytes) or not hasattr(cell, "__float__"):
        raise _misfit(wanted, row, cell, "a number")
    return cell


def _is_missing(cell: object) -> bool:
    """Tell None, NaN and pandas' NA."""
    try:
        return cell is None or bool(cell != cell)  # noqa: PLR0124  only NaN differs from itself
    except TypeError:
        # pandas' NA does not say whether it equals itself.
        return True


def _misfit(wanted: Input, row: int, cell: object, what: str) -> ModelyardError:
    """Make the error of a cell that does not fit its column."""
    return invalid_rows(
        f"column '{wanted.name}' must hold {what}; row {row} holds {cell!r} ({type(cell).__name__})"
    )
