"""Long paths, closed directories, root and ordinary accounts."""

import os
import pwd
import tempfile
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from server import postgres_binaries
from server.embedded_postgres import PostgresUnavailable
from tests.integration.embedded_postgres.users import (
    PACKAGE,
    Spawn,
    answers,
    ask,
    await_ready,
    leave,
    make,
    only_root,
    server_id,
)


@pytest.mark.parametrize("name", ["with space, and 'quotes'", "long" * 50])
def test_paths_that_no_socket_can_have(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    with make(short_path / name / "postgres") as postgres:
        url = postgres.url()
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(text("select 1")) == 1
        engine.dispose()
        # Some want text, and read it with libpq.
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        psycopg.connect(plain).close()
    assert [path.name for path in short_path.iterdir()] == [name]


def test_a_shelter_of_somebody_else_is_refused(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    folder = short_path / "with space" / "postgres"
    (short_path / "theirs").mkdir()
    postgres_binaries.name_shelter(folder).symlink_to(short_path / "theirs")
    with pytest.raises(PostgresUnavailable, match="not our directory"):
        make(folder).start()


@only_root
def test_an_ordinary_user_needs_no_root_and_root_can_go_on(short_path: Path, spawn: Spawn) -> None:
    account = pwd.getpwnam("nobody")
    if not postgres_binaries._can_run(
        PACKAGE, postgres_binaries.Account(account.pw_uid, account.pw_gid)
    ):
        pytest.skip("the environment is closed to ordinary users")
    os.chown(short_path, account.pw_uid, account.pw_gid)
    folder = short_path / "postgres"
    child = spawn(folder, str(account.pw_uid))
    await_ready(child)
    data = folder / "data"
    assert data.stat().st_uid == account.pw_uid
    leave(child)
    assert not answers(make(folder))

    with make(folder) as postgres:
        assert Path(f"/proc/{server_id(folder)}").stat().st_uid == account.pw_uid
        assert ask(postgres, "select 1 from pg_database where datname = 'modelyard'")


@only_root
def test_root_keeps_its_home_closed(folder: Path) -> None:
    before = [(path, path.stat().st_mode) for path in folder.parents]
    with make(folder) as postgres:
        assert answers(postgres)
        assert Path(f"/proc/{server_id(folder)}").stat().st_uid != 0
    assert [(path, path.stat().st_mode) for path in folder.parents] == before
    assert (folder / "data").stat().st_mode & 0o777 == 0o700


@only_root
def test_root_runs_programs_from_below_a_closed_directory(
    folder: Path, short_path: Path, spawn: Spawn
) -> None:
    closed = folder.parent / "site-packages"
    closed.mkdir(mode=0o700)
    (closed / PACKAGE.name).symlink_to(PACKAGE)
    for _ in range(2):
        child = spawn(folder, PYTHONPATH=str(closed), TMPDIR=str(short_path))
        await_ready(child)
        program = Path(f"/proc/{server_id(folder)}/exe").resolve()
        assert program.is_relative_to(short_path / postgres_binaries.name_shelter(folder).name)
        leave(child)
