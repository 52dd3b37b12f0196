"""What a typed service takes and gives.

A schema is one package, such as `models.penguins.v1`. It only grows: a version that fits
adds what is new, one that would break its callers opens the next package beside it. So
nothing that was published is ever taken back, and all schemas of a model together are the
record of its field numbers.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from registry.schema_names import find_collision, make_field_name
from registry.signature import Signature, TensorSpec

MOST_COLUMNS = 5000
"""Wider models have no typed service: nobody calls five thousand columns by name."""

_LAST_NUMBER_BELOW_RESERVED = 18_999  # protobuf keeps the next thousand for itself
_PROBABILITIES = "probabilities"

MISSING_TYPES = frozenset({"FP16", "FP32", "FP64", "BYTES"})
"""The types with a value that means missing: not-a-number, and the empty text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One input or output, as far as callers of a typed service see it.

    Attributes:
        name: The tensor's name.
        datatype: The Open Inference Protocol's name of the type.
        width: How many elements a row has; 0 if it is one for each class, by name.
        is_list: Whether a row has a list of them, and not one.
    """

    name: str
    datatype: str
    width: int
    is_list: bool = False

    @property
    def may_miss(self) -> bool:
        """Whether it may be left out of a request."""
        return self.datatype in MISSING_TYPES

    @property
    def is_by_class(self) -> bool:
        """Whether it has one element for each class."""
        return self.width == 0


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A column with the number and name that it has for good."""

    number: int
    name: str
    column: Column


@dataclass(frozen=True, slots=True)
class Shape:
    """What one version takes and gives."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """What one package of a model takes and gives.

    Attributes:
        model_id: The model.
        major: The number in the package's name.
        inputs: A field for each column that any of its versions takes.
        outputs: A field for each output that any of them gives.
    """

    model_id: str
    major: int
    inputs: tuple[SchemaField, ...]
    outputs: tuple[SchemaField, ...]


def read_shape(signature: Signature, classes: Sequence[str]) -> Shape | None:
    """Tell what a version takes and gives, or None if it can have no typed service.

    It can if the first dimension of everything is the number of rows, and no other is free.
    """
    specs = (*signature.inputs, *signature.outputs)
    fits = all(spec.shape[:1] == (-1,) and -1 not in spec.shape[1:] for spec in specs)
    has_elements = all(0 not in spec.shape for spec in specs)
    if not fits or not has_elements or not 0 < len(signature.inputs) <= MOST_COLUMNS:
        return None
    inputs = tuple(_column(spec) for spec in signature.inputs)
    outputs = tuple(_output(spec, classes) for spec in signature.outputs)
    return Shape(inputs, outputs)


def _column(spec: TensorSpec) -> Column:
    width = math.prod(spec.shape[1:])
    return Column(spec.name, spec.datatype, width, is_list=width > 1)


def _output(spec: TensorSpec, classes: Sequence[str]) -> Column:
    is_by_class = spec.name == _PROBABILITIES and spec.shape == (-1, len(classes))
    if is_by_class and spec.datatype != "BYTES":
        return Column(spec.name, spec.datatype, 0)
    return _column(spec)


def find_own_collision(shape: Shape) -> tuple[str, str] | None:
    """Find two columns, or two outputs, of one version that can't be told apart by name."""
    for columns in (shape.inputs, shape.outputs):
        names = [(c.name, make_field_name(c.name, at)) for at, c in enumerate(columns)]
        if found := find_collision(names):
            return found
    return None


def grow(schemas: Sequence[ModelSchema], schema: ModelSchema, shape: Shape) -> ModelSchema | None:
    """Add what a version has that a schema lacks; None if there is no number for it."""
    inputs = _add(schema.inputs, [s.inputs for s in schemas], shape.inputs)
    outputs = _add(schema.outputs, [s.outputs for s in schemas], shape.outputs)
    if inputs is None or outputs is None:
        return None
    return replace(schema, inputs=inputs, outputs=outputs)


def _add(
    fields: tuple[SchemaField, ...],
    others: Iterable[tuple[SchemaField, ...]],
    columns: Iterable[Column],
) -> tuple[SchemaField, ...] | None:
    """Add fields for columns; a number means one column of one type, in every package."""
    known = {field.column: field for of_schema in others for field in of_schema}
    last = max((field.number for field in known.values()), default=0)
    present = {field.column for field in fields}
    added = []
    for column in columns:
        if column in present:
            continue
        field = known.get(column)
        if field is None:
            last += 1
            field = SchemaField(last, make_field_name(column.name, last), column)
        added.append(field)
    return None if last > _LAST_NUMBER_BELOW_RESERVED else (*fields, *added)


def find_collision_in(schema: ModelSchema) -> tuple[str, str] | None:
    """Find two columns, or two outputs, of a schema that can't be told apart by name."""
    for fields in (schema.inputs, schema.outputs):
        if found := find_collision((field.column.name, field.name) for field in fields):
            return found
    return None
