"""What a typed service takes and gives, and which versions of a model fit one.

A schema is one package, such as `models.penguins.v1`. It only grows: a version that fits
adds what is new, one that would break its callers opens the next package beside it. So
nothing that was published is ever taken back, and all schemas of a model together are the
record of its field numbers.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

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


class ChangeKind(StrEnum):
    """What a version does to a schema."""

    COLUMN_ADDED = "COLUMN_ADDED"
    COLUMN_REMOVED = "COLUMN_REMOVED"
    COLUMN_CHANGED = "COLUMN_CHANGED"
    OUTPUT_ADDED = "OUTPUT_ADDED"
    OUTPUT_REMOVED = "OUTPUT_REMOVED"
    OUTPUT_CHANGED = "OUTPUT_CHANGED"
    NAMES_COLLIDE = "NAMES_COLLIDE"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference between a schema and a version.

    Attributes:
        kind: What it is.
        name: The column or output.
        breaks: Whether a caller of the schema would fail, or get something else.
        message: For people.
    """

    kind: ChangeKind
    name: str
    breaks: bool
    message: str


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
    is_by_class = spec.name == _PROBABILITIES and len(classes) > 1
    if is_by_class and spec.datatype != "BYTES" and spec.shape == (-1, len(classes)):
        return Column(spec.name, spec.datatype, 0)
    return _column(spec)


def find_own_collision(shape: Shape) -> tuple[str, str] | None:
    """Find two columns, or two outputs, of one version that can't be told apart by name."""
    for columns in (shape.inputs, shape.outputs):
        names = [(c.name, make_field_name(c.name, at)) for at, c in enumerate(columns)]
        if found := find_collision(names):
            return found
    return None


def choose_schema(
    model_id: str, schemas: Sequence[ModelSchema], shape: Shape
) -> ModelSchema | None:
    """Find the schema that a version belongs to, with what it adds, or open the next one.

    Args:
        model_id: The model.
        schemas: Those that it has.
        shape: The version.

    Returns:
        The schema; None if the model has used up its field numbers, or a column has the
        very name that was made for another.
    """
    for schema in sorted(schemas, key=lambda schema: -schema.major):
        if not any(change.breaks for change in compare(schemas, schema, shape)):
            return _grow(schemas, schema, shape)
    newest = max((schema.major for schema in schemas), default=0)
    opened = _grow(schemas, ModelSchema(model_id, newest + 1, (), ()), shape)
    return None if opened is None or _collides(opened) else opened


def _collides(schema: ModelSchema) -> tuple[str, str] | None:
    for fields in (schema.inputs, schema.outputs):
        if found := find_collision((field.column.name, field.name) for field in fields):
            return found
    return None


def compare(
    schemas: Sequence[ModelSchema], schema: ModelSchema, shape: Shape
) -> list[SchemaChange]:
    """List what becomes of the callers of a schema when a version answers them.

    Args:
        schemas: All of the model.
        schema: The one that they call.
        shape: The version.
    """
    changes = [
        *_compare_inputs(schema.inputs, shape.inputs),
        *_compare_outputs(schema.outputs, shape.outputs),
    ]
    grown = _grow(schemas, schema, shape)
    if grown and (found := _collides(grown)):
        text = f"{found[1]!r} can't be told from {found[0] or 'a name of ours'!r}"
        changes.append(SchemaChange(ChangeKind.NAMES_COLLIDE, found[1], breaks=True, message=text))
    return changes


def _compare_inputs(fields: Iterable[SchemaField], columns: Sequence[Column]) -> list[SchemaChange]:
    known = {field.column.name: field.column for field in fields}
    wanted = {column.name for column in columns}
    shares = not known or bool(known.keys() & wanted)
    changes = []
    for column in columns:
        before = known.get(column.name)
        name = repr(column.name)
        if before is None:
            breaks = not column.may_miss or not shares
            kind, text = ChangeKind.COLUMN_ADDED, f"{name} is new"
            if not column.may_miss:
                text += f" and {column.datatype}, which may not be left out"
        elif before != column:
            kind, breaks = ChangeKind.COLUMN_CHANGED, True
            text = f"{name} was {_describe(before)} and is {_describe(column)}"
        else:
            continue
        changes.append(SchemaChange(kind, column.name, breaks, text))
    removed = "is not used any more; what callers send of it is ignored"
    changes += [
        SchemaChange(ChangeKind.COLUMN_REMOVED, name, not shares, f"{name!r} {removed}")
        for name in known
        if name not in wanted
    ]
    return changes


def _compare_outputs(
    fields: Iterable[SchemaField], columns: Iterable[Column]
) -> list[SchemaChange]:
    found = {column.name: column for column in columns}
    known = {field.column.name: field.column for field in fields}
    changes = [
        SchemaChange(ChangeKind.OUTPUT_ADDED, name, breaks=False, message=f"{name!r} is new")
        for name in found
        if known and name not in known
    ]
    for name, before in known.items():
        now = found.get(name)
        if now is None:
            text = f"{name!r} is not answered any more"
            changes.append(SchemaChange(ChangeKind.OUTPUT_REMOVED, name, breaks=True, message=text))
        elif now != before:
            text = f"{name!r} was {_describe(before)} and is {_describe(now)}"
            changes.append(SchemaChange(ChangeKind.OUTPUT_CHANGED, name, breaks=True, message=text))
    return changes


def _describe(column: Column) -> str:
    if column.is_by_class:
        return f"{column.datatype} for each class"
    return f"{column.width} of {column.datatype}" if column.is_list else column.datatype


def _grow(schemas: Sequence[ModelSchema], schema: ModelSchema, shape: Shape) -> ModelSchema | None:
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
