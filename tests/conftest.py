"""Fixtures that every test may ask for: real Postgres, a store, a registry."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import URL, create_engine, text

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.transactions import Sessions
from server.database import make_engine, make_sessions, upgrade_database
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings
from server.settings import child_environment, prepare_process

prepare_process()
# How long an example takes is no property of it.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

TEMPLATE = "template_of_tests"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how much is done to a server where one test does the same again and again."""
    parser.addoption("--kills", type=int, default=3)
    parser.addoption("--jobs", type=int, default=6)
    parser.addoption("--seed", type=int, default=0)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres of this test process, with one migrated database to copy from."""
    folder = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(PostgresSettings(folder, durable=False)) as server:
        server.ensure_database(TEMPLATE)
        upgrade_database(server.url(TEMPLATE))
        yield server


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[URL]:
    """A database of the test's own."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name} template {TEMPLATE} strategy wal_log"))
        yield postgres.url(name)
        connection.execute(text(f"drop database {name} with (force)"))
    engine.dispose()


@pytest.fixture
async def sessions(database_url: URL) -> AsyncIterator[Sessions]:
    """What opens transactions on the test's database."""
    engine = make_engine(database_url, connections=5)
    yield make_sessions(engine)
    await engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> LocalArtifactStore:
    """An artifact store of the test's own."""
    return LocalArtifactStore(tmp_path / "artifacts")


@pytest.fixture(scope="session")
def children() -> ChildProcess:
    """What starts throw-away processes."""
    return ChildProcess(child_environment())


@pytest.fixture
def admission(store: LocalArtifactStore, children: ChildProcess, tmp_path: Path) -> Admission:
    """Admission over the test's store."""
    return Admission(store, children, ChildLimits(seconds=30), tmp_path / "work")
