"""Transactions as the servicers open them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

Sessions = async_sessionmaker[AsyncSession]

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
"""What is raised while there is no database to talk to; waiting helps."""


@asynccontextmanager
async def begin(sessions: Sessions, *, validate_only: bool = False) -> AsyncIterator[AsyncSession]:
    """Open a transaction that commits at the end, unless it is for checking only.

    Checking does all the work and takes it back, so that it finds what doing would find.
    """
    async with sessions() as session, session.begin() as transaction:
        yield session
        if validate_only:
            await transaction.rollback()
