"""Schemas of typed services in the database: grown by new versions, moved by promotions."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from registry.changes import REGISTRY_CHANGED, announce
from registry.errors import SchemaNotFound, VersionNotFound
from registry.models import get_model_row
from registry.names import NUMBER_PATTERN
from registry.reports import Fault
from registry.schema import ModelSchema, find_own_collision, read_shape
from registry.schema_changes import SchemaChange, choose_schema, compare
from registry.signature import CHAMPION, Signature
from registry.tables import AliasRow, ModelRow, SchemaRow, VersionRow
from registry.version import VersionState

_NO_SCHEMA = 0


@dataclass(frozen=True, slots=True)
class PublishedSchema:
    """A schema with the signature of the version that answers, if one does.

    Attributes:
        schema: What it takes and gives.
        signature: The version's; None until one of its versions was promoted.
        majors: All schemas of the model.
    """

    schema: ModelSchema
    signature: Signature | None
    majors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """What a promotion would mean for callers of the typed service that answers now.

    Attributes:
        major: The schema of the version; 0 if it can have no typed service.
        current_major: The champion's; 0 if there is none.
        changes: What differs.
    """

    major: int
    current_major: int
    changes: tuple[SchemaChange, ...]

    @property
    def is_compatible(self) -> bool:
        """Whether the version would answer those callers; without any there is no one to break."""
        return not self.current_major or self.major == self.current_major


def find_schema_fault(signature: Signature) -> Fault | None:
    """Find columns of a version that no typed service could tell apart."""
    shape = read_shape(signature, ())
    if shape is None or not (found := find_own_collision(shape)):
        return None
    other = repr(found[0]) if found[0] else "a field that every typed service has"
    return Fault(
        "COLUMN_NAMES_COLLIDE",
        f"the column {found[1]!r} can't be told from {other} in the model's typed service;"
        " rename one of them",
    )


async def assign_schema(session: AsyncSession, model: ModelRow, version: VersionRow) -> None:
    """Put an ACTIVE version into a schema of its model: one that it fits, or the next.

    The model's row must be locked: numbers are handed out here.
    """
    assert version.signature  # an ACTIVE version has one
    version.schema_major = _NO_SCHEMA
    shape = read_shape(version.signature, version.classes)
    if shape is None or find_own_collision(shape):
        return
    rows = await _list_rows(session, model)
    chosen = choose_schema(model.model_id, [_schema(model, row) for row in rows], shape)
    if chosen is None:
        return
    version.schema_major = chosen.major
    row = next((row for row in rows if row.major == chosen.major), None)
    if row is None:
        row = SchemaRow(model_row=model.id, major=chosen.major)
        session.add(row)
    elif (row.inputs, row.outputs) == (chosen.inputs, chosen.outputs):
        return
    else:
        row.revision += 1
    row.inputs, row.outputs = chosen.inputs, chosen.outputs
    await session.flush()


async def follow_champion(session: AsyncSession, model: ModelRow, version: VersionRow) -> None:
    """Have the schema of a version that becomes champion answered by it from now on."""
    if not version.schema_major:
        return
    query = select(SchemaRow).where(
        SchemaRow.model_row == model.id, SchemaRow.major == version.schema_major
    )
    row = (await session.scalars(query)).one()
    row.version_row = version.id
    row.revision += 1
    await session.flush()


async def assign_missing(session: AsyncSession) -> bool:
    """Put the versions of one model that were made by an earlier release into schemas.

    Returns:
        Whether there was one; there may be more.
    """
    undecided = (VersionRow.schema_major.is_(None), VersionRow.state == VersionState.ACTIVE)
    query = select(ModelRow).join(VersionRow, VersionRow.model_row == ModelRow.id)
    query = query.where(*undecided).limit(1).with_for_update(of=ModelRow)
    model = await session.scalar(query)
    if model is None:
        return False
    of_model = select(VersionRow).where(VersionRow.model_row == model.id, *undecided)
    for version in await session.scalars(of_model.order_by(VersionRow.number)):
        await assign_schema(session, model, version)
    if champion := await _find_champion(session, model):
        await follow_champion(session, model, champion)
    await session.flush()
    await announce(session, REGISTRY_CHANGED, model.model_id)
    return True


async def list_schemas(session: AsyncSession, model_id: str) -> tuple[ModelSchema, ...]:
    """List the schemas of a model, none if there is no such model."""
    model = await session.scalar(select(ModelRow).where(ModelRow.model_id == model_id))
    if model is None:
        return ()
    return tuple(_schema(model, row) for row in await _list_rows(session, model))


async def get_schema(session: AsyncSession, model_id: str, major: int) -> PublishedSchema:
    """Return a schema of a model.

    Args:
        session: The transaction.
        model_id: The model.
        major: Its number; 0 is the champion's.

    Raises:
        ModelNotFound: There is no such model.
        SchemaNotFound: The model has no such schema, or its champion none.
    """
    model = await get_model_row(session, model_id)
    if not major:
        champion = await _find_champion(session, model)
        major = (champion.schema_major if champion else None) or _NO_SCHEMA
    rows = {row.major: row for row in await _list_rows(session, model)}
    row = rows.get(major)
    if row is None:
        known = ", ".join(f"v{number}" for number in rows) or "none"
        raise SchemaNotFound(
            f"the model {model_id!r} has no such typed service; there are: {known}. Versions have"
            " one where the first dimension of each tensor is the number of rows and the others"
            " are fixed",
            field="schema_major",
            details={"model": model_id},
        )
    answering = await session.get(VersionRow, row.version_row) if row.version_row else None
    return PublishedSchema(
        _schema(model, row), answering.signature if answering else None, tuple(rows)
    )


async def compare_with_champion(
    session: AsyncSession, model_id: str, reference: str
) -> SchemaComparison:
    """Tell what callers of the champion's typed service would notice of a version.

    Args:
        session: The transaction.
        model_id: The model.
        reference: A number or an alias.

    Raises:
        ModelNotFound, VersionNotFound: There is none.
    """
    model = await get_model_row(session, model_id)
    version = await _find_version(session, model, reference)
    champion = await _find_champion(session, model)
    current = (champion.schema_major if champion else None) or _NO_SCHEMA
    schemas = [_schema(model, row) for row in await _list_rows(session, model)]
    shape = read_shape(version.signature, version.classes) if version.signature else None
    schema = next((schema for schema in schemas if schema.major == current), None)
    changes = compare(schemas, schema, shape) if schema and shape else []
    return SchemaComparison(version.schema_major or _NO_SCHEMA, current, tuple(changes))


async def _find_version(session: AsyncSession, model: ModelRow, reference: str) -> VersionRow:
    query = select(VersionRow).where(VersionRow.model_row == model.id)
    if NUMBER_PATTERN.fullmatch(reference):
        query = query.where(VersionRow.number == int(reference))
    else:
        query = query.join(VersionRow.aliases).where(AliasRow.alias_id == reference)
    row = await session.scalar(query)
    if row is None:
        raise VersionNotFound(
            f"the model {model.model_id!r} has no version {reference!r}",
            details={"model": model.model_id, "version": reference},
        )
    return row


async def _find_champion(session: AsyncSession, model: ModelRow) -> VersionRow | None:
    query = select(VersionRow).join(VersionRow.aliases)
    return await session.scalar(
        query.where(AliasRow.model_row == model.id, AliasRow.alias_id == CHAMPION)
    )


async def _list_rows(session: AsyncSession, model: ModelRow) -> list[SchemaRow]:
    query = select(SchemaRow).where(SchemaRow.model_row == model.id).order_by(SchemaRow.major)
    return list(await session.scalars(query))


def _schema(model: ModelRow, row: SchemaRow) -> ModelSchema:
    return ModelSchema(model.model_id, row.major, row.inputs, row.outputs)
