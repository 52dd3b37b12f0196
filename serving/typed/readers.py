"""From the fields of a typed request to the model's inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.unknown_fields import UnknownFieldSet

from registry.schema import SchemaField
from serving.elements import Array
from serving.errors import InputInvalid
from serving.input_rules import InputRule
from serving.onnx_model import Feeds

Violations = list[tuple[str, str]]

_LEAST_INTEGER_BYTES = 4  # of protobuf's integers
_MISSING: dict[str, Any] = {"f": np.nan, "O": ""}
"""By NumPy's kind of type, what is put where nothing is; other kinds never miss."""


class ColumnReader:
    """Reads one column.

    Args:
        field: The request's field; None if the request has none, so that all is missing.
        rule: What the model takes.

    Attributes:
        name: The model's input.
        field_name: The request's field.
        width: How many elements a row has.
    """

    __slots__ = (
        "_dtype",
        "_limits",
        "_missing",
        "_row_shape",
        "_tail",
        "field",
        "field_name",
        "is_list",
        "name",
        "width",
    )

    def __init__(self, field: SchemaField | None, rule: InputRule) -> None:
        assert rule.row_tail is not None  # or there would be no schema
        self.field = field
        self.name = rule.name
        self.field_name = field.name if field else ""
        self.is_list = bool(field and field.column.is_list)
        self.width = rule.row_elements
        self._dtype = rule.dtype
        self._tail = rule.row_tail
        self._row_shape = (1, *rule.row_tail)
        self._missing = _MISSING.get(rule.dtype.kind)
        self._limits = _find_limits(rule.dtype)

    def read_scalar(self, request: Any, has: Any, violations: Violations) -> Array:
        """Read the one element of the one row."""
        array: Array = np.ndarray(self._row_shape, self._dtype)
        name = self.field_name
        if name and has(request, name):
            value = getattr(request, name)
            if self._limits is None:
                array.fill(value)
            else:
                array = self._narrow([value], 1, violations)
        elif self._missing is None:
            violations.append((name, f"is missing; {self.name!r} can't be left out"))
        else:
            array.fill(self._missing)
        return array

    def count_rows(self, request: Any) -> int:
        """Tell how many rows the column has; a last one may be incomplete."""
        length = len(getattr(request, self.field_name)) if self.field_name else 0
        return -(-length // self.width)

    def read_rows(self, request: Any, rows: int, violations: Violations) -> Array:
        """Read the elements of so many rows."""
        values = getattr(request, self.field_name) if self.field_name else ()
        if not values and self._missing is not None:
            return np.full((rows, *self._tail), self._missing, self._dtype)
        if len(values) != rows * self.width:
            violations.append((self.field_name, self._describe_length(len(values), rows)))
            return np.ndarray((0, *self._tail), self._dtype)
        if self._limits is not None:
            return self._narrow(values[:], rows, violations)
        if self._dtype.kind == "O":
            array: Array = np.ndarray(rows * self.width, self._dtype)
            array[:] = values[:]
        else:
            array = np.array(values, self._dtype)
        return array.reshape((rows, *self._tail))

    def _narrow(self, values: Sequence[Any], rows: int, violations: Violations) -> Array:
        """Take elements of a type that is narrower than the field's."""
        assert self._limits is not None
        lowest, highest = self._limits
        for row, value in enumerate(values):
            if not lowest <= value <= highest and np.isfinite(value):
                problem = f"is {value}; it holds {lowest} to {highest}"
                place = f"{self.field_name}[{row}]" if len(values) > 1 else self.field_name
                violations.append((place, problem))
                return np.ndarray((0, *self._tail), self._dtype)
        return np.array(values, self._dtype).reshape((rows, *self._tail))

    def _describe_length(self, length: int, rows: int) -> str:
        if not length and self._missing is None:
            return f"is missing; {self.name!r} can't be left out"
        return f"has {length} values; {rows} rows have {rows * self.width}"


def _find_limits(dtype: np.dtype[Any]) -> tuple[Any, Any] | None:
    """Tell what a type holds, where protobuf has only a wider one."""
    if dtype == np.float16:
        half = np.finfo(dtype)
        return float(half.min), float(half.max)
    if dtype.kind in "iu" and dtype.itemsize < _LEAST_INTEGER_BYTES:
        whole = np.iinfo(dtype)
        return whole.min, whole.max
    return None


class RowReader:
    """Reads requests of one row."""

    def __init__(self, columns: Sequence[ColumnReader], request_class: Any) -> None:
        self._columns = columns
        # Of the class: a column may be called HasField.
        self._has = request_class.HasField

    def count_rows(self, request: Any, max_elements: int) -> int:  # noqa: ARG002 - one row is never too large
        """Tell how many rows a request has."""
        refuse_unknown(request)
        return 1

    def read(self, request: Any, rows: int) -> Feeds:  # noqa: ARG002 - the form of all readers
        """Read every column.

        Raises:
            InputInvalid: A column is missing that can't be, or does not fit its type.
        """
        violations: Violations = []
        has = self._has
        feeds = {}
        for column in self._columns:
            if column.is_list:
                feeds[column.name] = column.read_rows(request, 1, violations)
            else:
                feeds[column.name] = column.read_scalar(request, has, violations)
        if violations:
            raise InputInvalid(violations)
        return feeds

    def is_set(self, request: Any, field: SchemaField) -> bool:
        """Tell whether a request has a field that nobody reads."""
        if field.column.is_list:
            return bool(getattr(request, field.name))
        return bool(self._has(request, field.name))


class BatchReader:
    """Reads requests with a list for each column."""

    def __init__(self, columns: Sequence[ColumnReader]) -> None:
        self._columns = columns
        self._row_elements = sum(column.width for column in columns)

    def count_rows(self, request: Any, max_elements: int) -> int:
        """Tell how many rows a request has.

        Raises:
            InputInvalid: It has none, or too many.
        """
        refuse_unknown(request)
        counts = [column.count_rows(request) for column in self._columns]
        rows = max(counts)
        if not rows:
            first = next(column.field_name for column in self._columns if column.field)
            raise InputInvalid([(first, "has no values, and no other column has: send rows")])
        if rows > 1 and rows * self._row_elements > max_elements:
            most = max(1, max_elements // self._row_elements)
            longest = self._columns[counts.index(rows)].field_name
            problem = f"has {rows} rows; this server takes {most} in one call"
            raise InputInvalid([(longest, problem)])
        return rows

    def read(self, request: Any, rows: int) -> Feeds:
        """Read every column.

        Raises:
            InputInvalid: One has another length than the rest, or is missing and can't be.
        """
        violations: Violations = []
        feeds = {c.name: c.read_rows(request, rows, violations) for c in self._columns}
        if violations:
            raise InputInvalid(violations)
        return feeds

    def is_set(self, request: Any, field: SchemaField) -> bool:
        """Tell whether a request has a field that nobody reads."""
        return bool(getattr(request, field.name))


def refuse_unknown(request: Any) -> None:
    """Refuse fields that the typed service does not have: their values would be lost.

    Raises:
        InputInvalid: There is one.
    """
    unknown: Any = UnknownFieldSet(request)
    if len(unknown):
        numbers = sorted({field.field_number for field in unknown})
        raise InputInvalid(
            [(str(number), "is the number of no field of this typed service") for number in numbers]
        )
