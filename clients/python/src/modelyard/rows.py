"""Rows as people have them, made into the tensors that a model takes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from modelyard.error import invalid_rows
from modelyard.inference.v1.inference_pb2 import ModelMetadataResponse
from modelyard.tensors import BF16, BYTES, NUMPY_TYPES, Array, Tensor

Input: TypeAlias = ModelMetadataResponse.TensorMetadata


@runtime_checkable
class Frame(Protocol):
    """A data frame, as pandas and polars have it."""

    @property
    def columns(self) -> Iterable[Any]:
        """The columns' names."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return one column."""


_FLOATS = {"FP16", "FP32", "FP64", BF16}

Rows: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Array | Frame
"""One row, rows, columns by name, a data frame, or the matrix of a model's one input."""


def to_tensors(rows: Rows, inputs: Sequence[Input]) -> list[Tensor]:
    """Make one tensor for each input of a model.

    A missing value is None or NaN, and also a pandas NA; it becomes NaN in a column of
    floating-point numbers and the empty text in a column of text.

    Raises:
        ModelyardError: A column is unknown, lacking, or does not hold what the model takes.
    """
    columns = _as_columns(rows, [it.name for it in inputs])
    _check_names(columns, [it.name for it in inputs])
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
    if isinstance(rows, Frame):
        return {str(name): np.asarray(rows[name]) for name in rows.columns}
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


def _check_names(columns: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse columns that the model does not know, then those that it lacks."""
    for unknown in (name for name in columns if name not in names):
        close = get_close_matches(str(unknown), names, n=3)
        hint = " or ".join(f"'{name}'" for name in close)
        hint = f" (did you mean {hint}?)" if hint else ""
        raise invalid_rows(
            f"the model has no column '{unknown}'{hint}; it takes {', '.join(names)}"
        )
    for lacking in (name for name in names if name not in columns):
        raise invalid_rows(
            f"column '{lacking}' is lacking; give None for a value that is not known"
        )


def _to_tensor(wanted: Input, values: Any) -> Tensor:
    """Convert one column to the type and shape that the model takes."""
    if not _is_column(values):
        raise invalid_rows(f"column '{wanted.name}' is one value where others hold many")
    try:
        cells = _as_cells(values, exact=wanted.datatype not in _FLOATS)
    except ValueError:
        raise invalid_rows(f"column '{wanted.name}' holds lists of different lengths") from None
    typed = _converter(wanted.datatype)(wanted, cells)
    return Tensor(wanted.name, wanted.datatype, _shaped(wanted, typed))


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
    return _to_floats if datatype in _FLOATS else _to_integers


def _to_texts(wanted: Input, cells: Array) -> Array:
    """Return text, bytes, and times in ISO 8601 as objects, missing ones empty."""
    if cells.dtype.kind == "M":
        # Of nanoseconds NumPy would make plain numbers.
        cells = cells.astype("datetime64[us]")
    texts = np.empty(cells.size, dtype=object)
    for row, cell in enumerate(cells.ravel().tolist()):
        if isinstance(cell, str | bytes):
            texts[row] = cell
        elif _is_missing(cell):
            texts[row] = ""
        elif isinstance(cell, date):
            texts[row] = cell.isoformat()
        else:
            raise _misfit(wanted, row, cell, "text")
    return texts.reshape(cells.shape)


def _to_floats(wanted: Input, cells: Array) -> Array:
    """Return numbers, missing ones NaN."""
    if cells.dtype.kind not in "fiub":
        numbers = [
            np.nan if _is_missing(cell) else _number(wanted, row, cell)
            for row, cell in enumerate(cells.ravel().tolist())
        ]
        cells = np.array(numbers, dtype=np.float64).reshape(cells.shape)
    # What is too large for the model's type is infinite to it.
    with np.errstate(over="ignore"):
        return cells.astype(NUMPY_TYPES.get(wanted.datatype, np.dtype("<f4")))


def _to_integers(wanted: Input, cells: Array) -> Array:
    """Return whole numbers or truth values, none missing and none changed."""
    dtype = NUMPY_TYPES[wanted.datatype]
    flat = cells.ravel()
    if cells.dtype.kind not in "iub":
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


def _misfit(wanted: Input, row: int, cell: object, what: str) -> Exception:
    """Make the error of a cell that does not fit its column."""
    return invalid_rows(
        f"column '{wanted.name}' must hold {what}; row {row} holds {cell!r} ({type(cell).__name__})"
    )


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
