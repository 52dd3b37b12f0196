"""The server of a folder: who starts it, who finds it, and what a start says that fails."""

import fcntl
import subprocess
from pathlib import Path

import pytest

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
    server_id,
)


def test_the_first_start_makes_what_the_second_finds(folder: Path) -> None:
    with make(folder) as postgres:
        postgres.ensure_database("modelyard")
        postgres.ensure_database("modelyard")
        ask(postgres, "create table kept (word text)", "modelyard")
        ask(postgres, "insert into kept values ('grüße')", "modelyard")
    assert not answers(postgres)
    assert not (folder / "data" / "postmaster.pid").exists()

    with make(folder) as postgres:
        postgres.ensure_database("modelyard")
        assert ask(postgres, "select * from kept", "modelyard") == [("grüße",)]
        assert ask(postgres, "show max_connections") == [("100",)]


def test_the_last_user_stops_the_server(folder: Path) -> None:
    first, second = make(folder), make(folder)
    first.start()
    second.start()
    first.start()
    server = server_id(folder)
    first.stop()
    first.stop()
    assert answers(second)
    assert server_id(folder) == server
    second.stop()
    assert not answers(second)


def test_a_broken_data_directory_is_made_again(folder: Path) -> None:
    for name in ("data", "data.unfinished"):
        (folder / name / "base").mkdir(parents=True)
        (folder / name / "base" / "1").write_text("half")
    with make(folder) as postgres:
        assert answers(postgres)
    assert not (folder / "data.unfinished").exists()


def test_six_processes_start_at_once(folder: Path, spawn: Spawn) -> None:
    children = [spawn(folder) for _ in range(6)]
    for child in children:
        await_ready(child)
    postgres = make(folder)
    assert answers(postgres)
    for child in children:
        leave(child)
    assert not answers(postgres)


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(PostgresUnavailable, match="max_connections"):
        make(folder, max_connections=-1).start()
    with make(folder) as postgres:
        assert answers(postgres)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PostgresUnavailable, match=str(tmp_path / "file")):
        make(tmp_path / "file" / "postgres").start()


def test_a_gate_that_stays_shut_is_not_waited_for_without_end(folder: Path) -> None:
    folder.mkdir()
    with (folder / "gate.lock").open("ab") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        with pytest.raises(PostgresUnavailable, match="another process"):
            make(folder, timeout_seconds=0.1).start()


def test_a_server_that_runs_by_hand_is_left_alone(short_path: Path) -> None:
    folder = short_path / "postgres"
    with make(folder) as postgres:
        pass
    folder.chmod(0o711)
    account = postgres_binaries.choose_account(folder / "data")
    options = f"-c listen_addresses= -c unix_socket_directories={short_path}"
    by_hand = [str(PACKAGE / "pginstall/bin/pg_ctl"), "-D", str(folder / "data"), "-o", options]
    as_owner = postgres_binaries._run_as(account)
    short_path.chmod(0o777)
    subprocess.run([*by_hand, "-l", str(short_path / "log"), "start"], check=True, **as_owner)
    try:
        with pytest.raises(PostgresUnavailable, match="does not answer"):
            make(folder, timeout_seconds=0.1).start()
    finally:
        subprocess.run([*by_hand, "stop"], check=True, **as_owner)
    with make(folder) as postgres:
        assert answers(postgres)


def test_the_log_does_not_grow_over_many_starts(folder: Path) -> None:
    folder.mkdir()
    log = folder / "postgres.log"
    log.write_bytes(b"x" * 1_000_001)
    with make(folder):
        assert 0 < log.stat().st_size < 100_000
    assert (folder / "postgres.log.1").stat().st_size == 1_000_001
    assert log.stat().st_mode & 0o777 == 0o600
