"""Aliases: movable names for versions. Moving one is the deployment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from registry.changes import REGISTRY_CHANGED, announce
from registry.errors import (
    AliasAlreadyExists,
    AliasNotFound,
    EtagMismatch,
    VersionNotFound,
    VersionStateInvalid,
)
from registry.models import get_model_row
from registry.paging import Page
from registry.schemas import follow_champion
from registry.signature import CHAMPION
from registry.tables import AliasRow, ModelRow, VersionRow


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias as the registry has it."""

    model_id: str
    alias_id: str
    number: int
    etag: str
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """Where an alias shall point.

    Attributes:
        model_id: The model.
        alias_id: The alias.
        number: The version to point to.
        etag: What the caller saw; empty moves whatever is there.
        allow_missing: Whether to make the alias where there is none.
    """

    model_id: str
    alias_id: str
    number: int
    etag: str = ""
    allow_missing: bool = False


async def create_alias(session: AsyncSession, move: Move) -> Alias:
    """Make an alias.

    Raises:
        AliasAlreadyExists: The model has one of that name.
        ModelNotFound, VersionNotFound: The target does not exist.
        VersionStateInvalid: The target is not ACTIVE.
    """
    model = await get_model_row(session, move.model_id, for_update=True)
    if await _find_row(session, model, move.alias_id):
        raise AliasAlreadyExists(
            f"the model {move.model_id!r} has an alias {move.alias_id!r} already; update it to"
            " move it",
            details={"model": move.model_id, "alias": move.alias_id},
        )
    return await _point(session, model, move)


async def move_alias(session: AsyncSession, move: Move) -> Alias:
    """Point an alias to another version: compare, then set.

    Raises:
        AliasNotFound: There is none, and it may not be made.
        EtagMismatch: The alias is not what the caller saw.
        ModelNotFound, VersionNotFound: The target does not exist.
        VersionStateInvalid: The target is not ACTIVE.
    """
    # The lock on the model makes compare and set one step for all movers of its aliases.
    model = await get_model_row(session, move.model_id, for_update=True)
    row = await _find_row(session, model, move.alias_id)
    if row is None and not move.allow_missing:
        raise _not_found(move.model_id, move.alias_id)
    present = _etag(row) if row else ""
    if move.etag and move.etag != present:
        raise EtagMismatch(
            f"the alias {move.alias_id!r} was moved since you read it; read it again, then decide",
            field="model_alias.etag",
            details={"model": move.model_id, "alias": move.alias_id},
        )
    return await _point(session, model, move, row)


async def get_alias(session: AsyncSession, model_id: str, alias_id: str) -> Alias:
    """Return an alias.

    Raises:
        ModelNotFound, AliasNotFound: There is none.
    """
    model = await get_model_row(session, model_id)
    row = await _find_row(session, model, alias_id)
    if row is None:
        raise _not_found(model_id, alias_id)
    return _alias(model_id, row)


async def list_aliases(session: AsyncSession, model_id: str, page: Page) -> list[Alias]:
    """Return one page of a model's aliases by id, and one more if there is a next page.

    Raises:
        ModelNotFound: There is no such model.
    """
    model = await get_model_row(session, model_id)
    query = _query(model).order_by(AliasRow.alias_id).limit(page.size + 1)
    if page.after is not None:
        query = query.where(AliasRow.alias_id > page.after)
    return [_alias(model_id, row) for row in await session.scalars(query)]


async def list_aliases_of(
    session: AsyncSession, model_ids: list[str], most_each: int
) -> dict[str, list[Alias]]:
    """Return the first aliases of several models, for showing them with their model."""
    query = (
        select(AliasRow)
        .join(AliasRow.model)
        .where(ModelRow.model_id.in_(model_ids))
        .options(joinedload(AliasRow.version), joinedload(AliasRow.model))
        .order_by(AliasRow.alias_id)
    )
    found: dict[str, list[Alias]] = {model_id: [] for model_id in model_ids}
    for row in await session.scalars(query):
        of_model = found[row.model.model_id]
        if len(of_model) < most_each:
            of_model.append(_alias(row.model.model_id, row))
    return found


async def crown_first(session: AsyncSession, model: ModelRow, version: VersionRow) -> None:
    """Make a model's first ACTIVE version its champion; later ones are promoted by people."""
    if await _find_row(session, model, CHAMPION) is None:
        session.add(AliasRow(model_row=model.id, alias_id=CHAMPION, version_row=version.id))
        await follow_champion(session, model, version)


async def _point(
    session: AsyncSession, model: ModelRow, move: Move, row: AliasRow | None = None
) -> Alias:
    target = await _active_version(session, model, move.number)
    if row is None:
        row = AliasRow(model_row=model.id, alias_id=move.alias_id)
        session.add(row)
    elif row.version_row != target.id:
        row.revision += 1
    row.version = target
    await session.flush()
    if move.alias_id == CHAMPION:
        await follow_champion(session, model, target)
    await announce(session, REGISTRY_CHANGED, model.model_id)
    return _alias(model.model_id, row)


async def _active_version(session: AsyncSession, model: ModelRow, number: int) -> VersionRow:
    query = select(VersionRow).where(VersionRow.model_row == model.id, VersionRow.number == number)
    row = await session.scalar(query)
    details = {"model": model.model_id, "version": str(number)}
    if row is None:
        raise VersionNotFound(
            f"the model {model.model_id!r} has no version {number}",
            field="model_alias.model_version",
            details=details,
        )
    if row.state != "ACTIVE":
        raise VersionStateInvalid(
            f"version {number} of {model.model_id!r} is {row.state}; an alias can only point to"
            " an ACTIVE version",
            field="model_alias.model_version",
            details={**details, "state": row.state},
        )
    return row


async def _find_row(session: AsyncSession, model: ModelRow, alias_id: str) -> AliasRow | None:
    return await session.scalar(_query(model).where(AliasRow.alias_id == alias_id))


def _query(model: ModelRow) -> Select[AliasRow]:
    query = select(AliasRow).where(AliasRow.model_row == model.id)
    return query.options(joinedload(AliasRow.version))


def _not_found(model_id: str, alias_id: str) -> AliasNotFound:
    return AliasNotFound(
        f"the model {model_id!r} has no alias {alias_id!r}",
        details={"model": model_id, "alias": alias_id},
    )


def _etag(row: AliasRow) -> str:
    return f'"{row.id}-{row.revision}"'


def _alias(model_id: str, row: AliasRow) -> Alias:
    return Alias(
        model_id=model_id,
        alias_id=row.alias_id,
        number=row.version.number,
        etag=_etag(row),
        create_time=row.create_time,
        update_time=row.update_time,
    )
