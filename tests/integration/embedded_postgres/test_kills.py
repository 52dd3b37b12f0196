"""Users and servers are killed, and whoever comes next goes on."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from server.embedded_postgres import EmbeddedPostgres, PostgresSettings
from tests.integration.embedded_postgres.users import (
    Spawn,
    answers,
    ask,
    await_ready,
    kill_server,
    make,
    server_id,
    wait_for,
)


def test_a_killed_server_is_started_again(folder: Path) -> None:
    with EmbeddedPostgres(PostgresSettings(folder)) as postgres:
        ask(postgres, "create table kept as select 1 as number")
        kill_server(folder)
        postgres.start()
        assert ask(postgres, "select number from kept") == [(1,)]
    assert not answers(postgres)


def test_to_leave_a_killed_server_is_no_error(folder: Path) -> None:
    with make(folder) as postgres:
        kill_server(folder)
        wait_for(lambda: not answers(postgres))


def test_the_server_of_a_killed_user_is_adopted_and_stopped(folder: Path, spawn: Spawn) -> None:
    child = spawn(folder)
    await_ready(child)
    server = server_id(folder)
    child.kill()
    child.wait()
    with make(folder) as postgres:
        assert server_id(folder) == server
        assert answers(postgres)
    assert not answers(postgres)


def test_user_and_server_are_killed(folder: Path, spawn: Spawn) -> None:
    child = spawn(folder)
    await_ready(child)
    kill_server(folder)
    child.kill()
    child.wait()
    with make(folder) as postgres:
        assert ask(postgres, "select datname from pg_database where datname = 'modelyard'")
    assert not answers(postgres)


@pytest.mark.parametrize("now", ["alive", "zombie", "gone", "empty"])
def test_the_process_id_that_was_left_is_not_the_server(folder: Path, now: str) -> None:
    with make(folder) as postgres:
        kill_server(folder)
        wait_for(lambda: not answers(postgres))
    other = subprocess.Popen(["sleep", "60"] if now == "alive" else ["true"])
    if now != "alive":
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    if now == "gone":
        other.wait()
    left = folder / "data" / "postmaster.pid"
    _, rest = left.read_text().split("\n", maxsplit=1)
    left.write_text("" if now == "empty" else f"{other.pid}\n{rest}")

    with make(folder, timeout_seconds=10) as postgres:
        assert answers(postgres)
    assert (other.poll() is None) == (now == "alive")
    other.kill()
    other.wait()


@pytest.mark.parametrize(
    ("reached", "with_children"),
    [
        ("data.unfinished/PG_VERSION", False),
        ("data.unfinished/PG_VERSION", True),
        ("data", True),
        ("data/postmaster.pid", False),
    ],
)
def test_a_user_is_killed_on_the_way(
    folder: Path, spawn: Spawn, reached: str, *, with_children: bool
) -> None:
    child = spawn(folder)
    wait_for((folder / reached).exists)
    os.killpg(child.pid, signal.SIGKILL) if with_children else child.kill()
    with make(folder) as postgres:
        assert answers(postgres)
    assert not answers(postgres)
