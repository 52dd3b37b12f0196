"""What a version changes for the callers of a schema, and which schema it belongs to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.schema import (
    Column,
    ModelSchema,
    SchemaField,
    Shape,
    find_collision_in,
    grow,
)


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
            return grow(schemas, schema, shape)
    newest = max((schema.major for schema in schemas), default=0)
    opened = grow(schemas, ModelSchema(model_id, newest + 1, (), ()), shape)
    return None if opened is None or find_collision_in(opened) else opened


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
    grown = grow(schemas, schema, shape)
    if grown and (found := find_collision_in(grown)):
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
