"""The operator's command: what it refuses, and on a database of the operator's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from server.embedded_postgres import EmbeddedPostgres
from tests.support.server_process import ServerProcess

FAST = {"GRPC_ADDRESS": "127.0.0.1:0"}


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {f"MODELYARD_{name}": text for name, text in settings.items()}
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> URL:
    engine = create_engine(postgres.url(), isolation_level="AUTOCOMMIT")
    name = f"empty_{os.urandom(4).hex()}"
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine.dispose()
    return postgres.url(name)


def test_faulty_settings_are_told_together(tmp_path: Path) -> None:
    done = run(tmp_path, "check-config", GRPC_ADDRESS="nowhere", DATABASE_CONNECTIONS="0")
    assert done.returncode == 1
    assert "grpc_address" in done.stderr
    assert "database_connections" in done.stderr


def test_good_settings_are_shown_without_the_secret(tmp_path: Path) -> None:
    done = run(tmp_path, "check-config", DATABASE_URL="postgresql://me:secret@host/db")
    assert done.returncode == 0, done.stderr
    assert "grpc_address" in done.stdout
    assert "secret" not in done.stdout


def test_an_address_that_others_reach_needs_a_word(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", GRPC_ADDRESS="0.0.0.0:0")
    assert done.returncode == 1
    assert "--insecure" in done.stderr


def test_a_database_away_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", DATABASE_URL="postgresql://127.0.0.1:1/none", **FAST)
    assert done.returncode == 1
    assert done.stderr.startswith("the database does not answer")
    assert "Traceback" not in done.stderr


def test_an_own_database_is_migrated_on_request_only(tmp_path: Path, empty_database: URL) -> None:
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    refused = run(tmp_path, "serve", DATABASE_URL=url, **FAST)
    assert refused.returncode == 1
    assert "modelyard-server migrate" in refused.stderr
    for _ in range(2):
        assert run(tmp_path, "migrate", DATABASE_URL=url).returncode == 0
    ready_file = tmp_path / "ready"
    arguments = ("--no-worker", "--ready-file", str(ready_file))
    home = tmp_path / "home"
    with ServerProcess(home, {"DATABASE_URL": url}, arguments) as server:
        with server.connect() as client:
            client.create_model("m")
        assert ready_file.read_text() == f"listening grpc={server.address}\n"
        taken = run(tmp_path, "serve", DATABASE_URL=url, GRPC_ADDRESS=server.address)
        assert "is another server there already" in taken.stderr
    assert not (home / "postgres").exists()
