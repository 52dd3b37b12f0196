"""The database: engine, transactions, migrations, notifications."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from registry.transactions import Sessions
from server.errors import CannotStart

# Any number will do, as long as it is always the same.
_MIGRATION_LOCK = 7_305_812_401
_RETRY_SECONDS = 1.0
_CONNECT_SECONDS = 5
# A peer that vanished without a word is noticed in half a minute; with the system's own
# figures it takes hours, and a listener would hear nothing all the while.
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}

log = structlog.get_logger()


class DatabaseUnfit(CannotStart):
    """The operator's database can't be used; the text is for the operator."""


def parse_url(url: str) -> URL:
    """Read a Postgres URL and choose the driver, psycopg."""
    return make_url(url.replace("postgres://", "postgresql://", 1)).set(
        drivername="postgresql+psycopg"
    )


def make_engine(url: URL, connections: int) -> AsyncEngine:
    """Make the engine of one process.

    Args:
        url: The database.
        connections: How many it may hold at most.
    """
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        # A connection that died in the pool is found before it is used.
        pool_pre_ping=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS, **_KEEPALIVE},
    )


def make_sessions(engine: AsyncEngine) -> Sessions:
    """Make what opens transactions. Values stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)


def upgrade_database(url: URL) -> None:
    """Bring a database to the present schema; does nothing if it is there.

    Several processes may do this at once: the first does it, the others wait.

    Raises:
        DatabaseUnfit: There is no database.
    """
    config = _alembic_config()
    with _engine_for_once(url) as engine, engine.connect() as guard, engine.begin() as connection:
        guard.execute(text(f"select pg_advisory_lock({_MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _engine_for_once(url: URL) -> Iterator[Engine]:
    engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        yield engine
    except OperationalError as error:
        raise DatabaseUnfit(f"the database does not answer: {error.orig}") from None
    finally:
        engine.dispose()


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def check_schema(url: URL) -> None:
    """Make sure that a database of the operator's is there and fits this release.

    Raises:
        DatabaseUnfit: It is not, or does not; the text says what to do.
    """
    with _engine_for_once(url) as engine, engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    if found != wanted:
        raise DatabaseUnfit(
            f"the database has the schema {found or 'of nothing'}, this release needs {wanted};"
            " run `modelyard-server migrate`"
        )


class ChangeListener:
    """Hears what other processes announce, on one connection of its own.

    Args:
        url: The database.
        handlers: What to call for each channel, with the announcement's text. An empty
            text means that announcements may have been missed.
    """

    def __init__(self, url: URL, handlers: Mapping[str, Callable[[str], None]]) -> None:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._conninfo = make_conninfo(plain, connect_timeout=_CONNECT_SECONDS, **_KEEPALIVE)
        self._handlers = handlers
        self._is_away = False

    async def run(self) -> None:
        """Listen until this call is cancelled; connects again whenever that is needed."""
        while True:
            try:
                await self._listen()
            except psycopg.Error:
                if not self._is_away:  # once, not at every try
                    log.warning("the database does not answer; listening again when it does")
                self._is_away = True
                await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            for channel in self._handlers:
                await connection.execute(f'listen "{channel}"'.encode())
            if self._is_away:
                log.info("the database answers again")
            self._is_away = False
            for handler in self._handlers.values():
                handler("")
            async for note in connection.notifies():
                self._handlers[note.channel](note.payload)
