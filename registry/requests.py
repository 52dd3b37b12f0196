"""Requests with an id are done once: the effect and its record share a transaction."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from registry.errors import FieldInvalid, RequestIdReused
from registry.tables import RequestRow

Result = TypeVar("Result")

KEPT = timedelta(days=7)
"""How long a request's id is remembered."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What tells a request from others.

    Attributes:
        request_id: A UUID of the caller's choice, or empty: then every request is new.
        content: The method and the request without its id, for comparison.
    """

    request_id: str
    content: bytes


async def do_once(
    session: AsyncSession,
    key: RequestKey,
    do: Callable[[], Awaitable[Result]],
    name_of: Callable[[Result], str],
    find: Callable[[str], Awaitable[Result]],
) -> Result:
    """Do a request, or find what its first time made.

    Args:
        session: The transaction that does it; the record shares it.
        key: The request.
        do: Does it.
        name_of: Names the resource that it made or changed.
        find: Finds a resource by that name.

    Raises:
        FieldInvalid: The id is no UUID.
        RequestIdReused: The id came before with another request.
    """
    if not key.request_id:
        return await do()
    name = await _find_done(session, key)
    if name is not None:
        return await find(name)
    result = await do()
    row = RequestRow(
        request_id=_parse(key.request_id),
        fingerprint=_fingerprint(key.content),
        resource_name=name_of(result),
    )
    session.add(row)
    return result


async def forget_old_requests(session: AsyncSession, age: timedelta = KEPT) -> None:
    """Remove the records of requests that nobody repeats any more."""
    await session.execute(delete(RequestRow).where(RequestRow.create_time < func.now() - age))


async def _find_done(session: AsyncSession, key: RequestKey) -> str | None:
    uuid = _parse(key.request_id)
    # A row can't be locked before it exists; an advisory lock on the id can. It makes
    # two repeats at the same time do the work once.
    await session.execute(select(func.pg_advisory_xact_lock(uuid.int & (2**63 - 1))))
    row = await session.get(RequestRow, uuid)
    if row and row.fingerprint != _fingerprint(key.content):
        raise RequestIdReused(
            "request_id was used before with another request; use a new one", field="request_id"
        )
    return row.resource_name if row else None


def _parse(request_id: str) -> UUID:
    try:
        return UUID(request_id)
    except ValueError:
        raise FieldInvalid("request_id must be a UUID", field="request_id") from None


def _fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
