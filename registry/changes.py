"""Tells other processes that something changed, when the transaction commits."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

REGISTRY_CHANGED = "modelyard_registry"
"""The channel on which every change of what is served is announced."""


async def announce(session: AsyncSession, channel: str, subject: str) -> None:
    """Send a notification that leaves with the commit, and not without it."""
    await session.execute(select(func.pg_notify(channel, subject)))
