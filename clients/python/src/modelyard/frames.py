"""Data frames and Arrow data as columns.

Neither pandas nor polars nor pyarrow is needed: a frame brings its own library along, and
Arrow data of another kind is read by whichever of them is installed.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np

from modelyard.error import invalid_rows
from modelyard.tensors import Array

_NUMBERS = "iufb"


@runtime_checkable
class Frame(Protocol):
    """A data frame, as pandas and polars have it."""

    @property
    def columns(self) -> Iterable[Any]:
        """The columns' names."""

    def __getitem__(self, name: Any, /) -> Any:
        """Return one column."""


@runtime_checkable
class ArrowStream(Protocol):
    """Anything that gives itself away as Arrow data, such as a pyarrow table.

    Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule of an ArrowArrayStream."""


def read_columns(table: Frame | ArrowStream) -> dict[str, Array]:
    """Return the columns of a table by name, without a look at single cells.

    Raises:
        ModelyardError: The table is lazy, has two columns of one name, or nothing that is
            installed can read it.
    """
    known = _as_known(table)
    if hasattr(known, "collect") and hasattr(known, "lazy"):
        raise invalid_rows("a lazy frame has no rows yet; give what its collect() returns")
    is_arrow = hasattr(known, "column_names")
    names = list(known.column_names if is_arrow else known.columns)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid_rows(f"column '{twice}' is there twice")
    read = _read_arrow if is_arrow else _read_series
    return {str(name): read(known[name]) for name in names}


def _as_known(table: Any) -> Any:
    """Return a frame or a pyarrow table as it is, and other Arrow data as one of them."""
    library = type(table).__module__.partition(".")[0]
    if library in {"pandas", "polars", "pyarrow"} or not isinstance(table, ArrowStream):
        return table
    for library, kind in (("pyarrow", "table"), ("polars", "DataFrame")):
        try:
            return getattr(import_module(library), kind)(table)
        except ImportError:
            continue
    raise invalid_rows("to read this Arrow data, pyarrow or polars must be installed")


def _read_arrow(column: Any) -> Array:
    """Return a pyarrow column; text is None where it is missing, numbers NaN."""
    if hasattr(column.type, "index_type"):
        # NumPy would get the codes of the missing ones as well, and they stand for others.
        column = column.cast(column.type.value_type)
    return np.asarray(column)


def _read_series(column: Any) -> Array:
    """Return a column of pandas or polars; missing numbers are NaN."""
    is_nullable = hasattr(column, "isna") and not isinstance(column.dtype, np.dtype)
    if is_nullable and column.dtype.kind in _NUMBERS and column.isna().any():
        # pandas would turn every number into an object to make room for its NA.
        cells: Array = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return cells
    return np.asarray(column)
