"""From the model's outputs to the fields of a typed answer."""

from collections.abc import Sequence
from typing import Any

from registry.schema import SchemaField
from serving.elements import Array
from serving.errors import ModelRunFailed


class AnswerWriter:
    """Writes answers of one version.

    Args:
        fields: The field of each output, in the order in which the model gives them.
        classes: The names of the classes, where an output has an element for each.
        number: The version's number.
        response_class: What is written.
        many: Whether answers have a list for each output.
    """

    def __init__(
        self,
        fields: Sequence[SchemaField],
        classes: Sequence[str],
        number: int,
        response_class: Any,
        *,
        many: bool,
    ) -> None:
        self._fields = [
            (field.name, len(classes) if field.column.is_by_class else field.column.width, field)
            for field in fields
        ]
        self._classes = classes
        self._number = str(number)
        self._response_class = response_class
        self._many = many

    def write(self, arrays: Sequence[Array], rows: int, warnings: Sequence[dict[str, Any]]) -> Any:
        """Write an answer.

        Raises:
            ModelRunFailed: The model gave another number of rows than it was given.
        """
        values: dict[str, Any] = {"model_version": self._number}
        for (name, width, field), array in zip(self._fields, arrays, strict=True):
            if array.size != rows * width:
                raise ModelRunFailed("the model gave another number of rows than it was given")
            if field.column.is_by_class:
                values[name] = self._write_by_class(array, rows)
            elif self._many or field.column.is_list:
                values[name] = array.ravel().tolist()
            else:
                values[name] = array.item()
        if warnings:
            values["warnings"] = warnings
        return self._response_class(**values)

    def _write_by_class(self, array: Array, rows: int) -> dict[str, Any]:
        if not self._many:
            return dict(zip(self._classes, array.ravel().tolist(), strict=True))
        columns = array.reshape(rows, len(self._classes)).T.tolist()
        return {
            name: {"values": column} for name, column in zip(self._classes, columns, strict=True)
        }
