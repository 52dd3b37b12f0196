"""What both a server and a worker stand on: database, store, throw-away processes."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import URL

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.transactions import Sessions
from server.database import (
    check_schema,
    make_engine,
    make_sessions,
    parse_url,
    upgrade_database,
)
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings
from server.postgres_binaries import PostgresUnavailable
from server.settings import Settings, child_environment

_DATABASE = "modelyard"
_LOOK_SECONDS = 1.0
_DAY_SECONDS = 24 * 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Storage:
    """What both a server and a worker stand on."""

    url: URL
    sessions: Sessions
    store: LocalArtifactStore
    children: ChildProcess
    admission: Admission


@asynccontextmanager
async def open_database(settings: Settings, *, migrating: bool = False) -> AsyncIterator[URL]:
    """Find the database, or start one of our own; only our own is migrated unasked.

    Args:
        settings: What the operator set.
        migrating: Whether it is about to be migrated, and may have any schema.

    Raises:
        DatabaseUnfit, PostgresUnavailable: There is none to use; the text says why.
    """
    if settings.database_url:
        url = parse_url(settings.database_url.get_secret_value())
        if not migrating:
            await asyncio.to_thread(check_schema, url)
        yield url
        return
    # The server's processes, a worker, and a few that an operator starts beside them.
    connections = (settings.processes + 3) * settings.database_connections + 20
    postgres = EmbeddedPostgres(
        PostgresSettings(settings.home / "postgres", max_connections=connections)
    )
    await asyncio.to_thread(postgres.start)
    keeping = asyncio.create_task(_keep_running(postgres))
    try:
        await asyncio.to_thread(postgres.ensure_database, _DATABASE)
        url = postgres.url(_DATABASE)
        await asyncio.to_thread(upgrade_database, url)
        yield url
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await asyncio.to_thread(postgres.stop)


async def _keep_running(postgres: EmbeddedPostgres) -> None:
    """Start the embedded Postgres again whenever it has died; nobody else would."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await asyncio.to_thread(postgres.start)
        except PostgresUnavailable as error:
            log.warning("the embedded Postgres does not start again", reason=str(error))


def sweep_folders(folder: Path, age_seconds: float) -> None:
    """Remove the working folders that killed processes left, and none that is in use."""
    for path in folder.glob("*"):
        # Another process may sweep the same folder at this moment.
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > age_seconds:
                shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """Open database and store."""
    async with open_database(settings) as url:
        engine = make_engine(url, settings.database_connections)
        store = LocalArtifactStore(settings.home / "artifacts")
        sweep_folders(settings.home / "work", settings.training_seconds + _DAY_SECONDS)
        children = ChildProcess(child_environment())
        limits = ChildLimits(
            memory_bytes=settings.admission_memory_mb << 20, seconds=settings.admission_seconds
        )
        admission = Admission(store, children, limits, settings.home / "work")
        try:
            yield Storage(url, make_sessions(engine), store, children, admission)
        finally:
            await engine.dispose()
