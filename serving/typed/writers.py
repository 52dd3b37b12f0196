"""From the model's outputs to the fields of a typed answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from registry.schema import SchemaField
from registry.schema_descriptors import CLASS_VALUES
from serving.elements import Array
from serving.errors import ModelRunFailed

_DOUBLE = np.dtype("<f8")
_PACKED_TYPES = frozenset({"FP32", "FP64"})
_LENGTH_DELIMITED = 2  # the wire type of a packed list


class AnswerWriter:
    """Writes answers of one version.

    Args:
        fields: The field of each output, in the order in which the model gives them.
        classes: The names of the classes, where an output has an element for each.
        number: The version's number.
        response_class: What is written.
        by_class_class: The messages by class in it, where answers have lists of those.
        many: Whether answers have a list for each output.
    """

    def __init__(
        self,
        fields: Sequence[SchemaField],
        classes: Sequence[str],
        number: int,
        response_class: Any,
        by_class_class: Any,
        *,
        many: bool,
    ) -> None:
        self._fields = [
            (field, len(classes) if field.column.is_by_class else field.column.width)
            for field in fields
        ]
        self._classes = classes
        self._number = str(number)
        self._response_class = response_class
        self._by_class_class = by_class_class
        self._many = many

    def write(self, arrays: Sequence[Array], rows: int, warnings: Sequence[dict[str, Any]]) -> Any:
        """Write an answer.

        Raises:
            ModelRunFailed: The model gave another number of rows than it was given.
        """
        values: dict[str, Any] = {"model_version": self._number}
        packed = b""
        for (field, width), array in zip(self._fields, arrays, strict=True):
            if array.size != rows * width:
                raise ModelRunFailed("the model gave another number of rows than it was given")
            column = field.column
            if column.is_by_class:
                values[field.name] = self._write_by_class(array, rows)
            elif not (self._many or column.is_list):
                values[field.name] = array.item()
            elif column.datatype in _PACKED_TYPES:
                packed += _pack(field.number, array)
            else:
                values[field.name] = array.ravel().tolist()
        if warnings:
            values["warnings"] = warnings
        response = self._response_class(**values)
        if packed:
            self._response_class.MergeFromString(response, packed)
        return response

    def _write_by_class(self, array: Array, rows: int) -> dict[str, Any]:
        if not self._many:
            return dict(zip(self._classes, array.ravel().tolist(), strict=True))
        columns = array.reshape(rows, len(self._classes)).T.astype(_DOUBLE)
        parse = self._by_class_class.FromString
        return {
            name: parse(_pack(CLASS_VALUES, column))
            for name, column in zip(self._classes, columns, strict=True)
        }


def _pack(number: int, array: Array) -> bytes:
    """Write a list of floats as the wire has it, which is as the array has it.

    To give protobuf the elements one by one takes longer than most models run.
    """
    data = array.tobytes()
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
