"""Runs a PostgreSQL of our own, where no other database was named.

Processes that share a folder share one server: whoever comes first starts it, whoever leaves last
stops it. Nobody is counted and no process id is trusted; three locked files tell how things are,
and the kernel drops a lock when its last holder ends, however it ends:

    gate.lock     held by the process that starts or stops the server
    users.lock    held, shared, by each process that uses the server
    server.lock   held by the processes of the server itself, which inherit it

The socket is in the data directory, which only its owner and root may enter. There is no TCP port.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import DuplicateDatabase, UniqueViolation
from psycopg.pq import PGconn, Ping
from sqlalchemy import URL

if sys.platform != "win32":
    import fcntl

from server.postgres_binaries import (
    PostgresUnavailable,
    find_programs,
    make_shelter,
    name_shelter,
    unavailable,
)

__all__ = ["EmbeddedPostgres", "PostgresSettings", "PostgresUnavailable"]

PORT = 5432  # only a part of the socket's name
PID_FILE = "postmaster.pid"
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 100  # the kernel's limit is 104 bytes on macOS, 108 on Linux
LONGEST_LOG = 1_000_000


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """What a server of our own needs to know.

    Attributes:
        folder: Holds the data, the log and the locks; made if missing.
        durable: Whether what is committed survives a crash of the server or the machine. Without
            it tests are quicker, and such a crash may take the last moments or everything.
        max_connections: At least the sum of all pools of all processes.
        timeout_seconds: How long each step of a start or a stop may take.
    """

    folder: Path
    durable: bool = True
    max_connections: int = 100
    timeout_seconds: float = 60.0


class EmbeddedPostgres:
    """One process's share in the server of a folder.

    A server that runs already is used as it is, whatever its settings. All calls block.
    One object is for one thread at a time; a process may have several objects.

    Raises:
        PostgresUnavailable: There is none for this operating system.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        if sys.platform == "win32":
            raise PostgresUnavailable("the embedded PostgreSQL needs Linux or macOS")
        self._settings = settings
        self._folder = settings.folder.resolve()
        self._data = self._folder / "data"
        self._log = self._folder / "postgres.log"
        self._shelter = name_shelter(self._folder)
        self._socket_folder = _choose_socket_folder(self._data, self._shelter / "data")
        self._users_lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the server, or join those who use it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the server, and stop it if nobody else uses it."""
        self.stop()

    def start(self) -> None:
        """Start the server, or join those who use it; may be repeated, and repairs what died.

        Raises:
            PostgresUnavailable: It does not run, or not in time.
        """
        with self._gate() as gate:
            self._lay_path()
            self._bring_up(gate)
            if self._users_lock is None:
                self._users_lock = self._open("users.lock")
                _try_lock(self._users_lock, fcntl.LOCK_SH)

    def stop(self) -> None:
        """Leave the server, and stop it if nobody else uses it; may be repeated.

        Raises:
            PostgresUnavailable: It does not stop in time; it may still do so later.
        """
        users_lock, self._users_lock = self._users_lock, None
        if users_lock is None:
            return
        with users_lock, self._gate():
            if _try_lock(users_lock, fcntl.LOCK_EX):
                self._shut_down()

    def url(self, database: str = "postgres") -> URL:
        """Give the address of a database, for synchronous and asynchronous engines alike."""
        return URL.create(
            "postgresql+psycopg",
            username="postgres",
            port=PORT,
            database=database,
            query={"host": str(self._socket_folder)},
        )

    def ensure_database(self, name: str) -> None:
        """Create a database unless it exists; several processes may do so at once.

        Raises:
            psycopg.Error: The server does not run, or refuses the name.
        """
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [name]).fetchone() is None:
                # Which of the two a loser of the race sees depends on how late it is.
                with suppress(DuplicateDatabase, UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def _bring_up(self, gate: int) -> None:
        # Whoever had the gate before may have been killed, and its server be on the way up or down.
        self._wait_until(
            lambda: self._answers() or not self._is_running(),
            "a server of this folder runs, but does not answer",
        )
        if not self._answers() and not self._is_running():
            self._launch(gate)

    def _launch(self, gate: int) -> None:
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        seconds = self._settings.timeout_seconds
        programs = find_programs(self._data, self._shelter, self._log, seconds)
        if not (self._data / "PG_VERSION").exists():
            # It inherits the gate: if we are killed, nobody comes in before it has ended.
            programs.initialize(self._data, durable=self._settings.durable, inherited=gate)
        # PostgreSQL would believe the process id in here, though it may be another's by now.
        for remnant in (self._data / PID_FILE, *self._data.glob(".s.PGSQL.*")):
            remnant.unlink(missing_ok=True)
        with self._open("server.lock") as server_lock:
            _try_lock(server_lock, fcntl.LOCK_EX)
            options = self._server_options()
            programs.start_server(self._data, options, inherited=server_lock.fileno())
        self._wait_until(self._answers, "the server runs, but does not answer")

    def _server_options(self) -> str:
        # They pass through a shell: nothing here may need quotes.
        options: dict[str, object] = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": ".",
            "max_connections": self._settings.max_connections,
        }
        if not self._settings.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return " ".join(f"-c {name}={value}" for name, value in options.items())

    def _shut_down(self) -> None:
        # What answers at the socket is the server that wrote the process id beside it.
        if self._ping() in (Ping.OK, Ping.REJECT):
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(self._server_id(), signal.SIGINT)
            self._wait_until(lambda: not self._is_running(), "the server does not stop")
        shutil.rmtree(self._shelter, ignore_errors=True)

    def _is_running(self) -> bool:
        with self._open("server.lock") as server_lock:
            return not _try_lock(server_lock, fcntl.LOCK_EX) or self._is_run_by_hand()

    def _is_run_by_hand(self) -> bool:
        """Tell whether somebody started a server on the data without us, and so without the lock.

        Where there is no /proc it may be missed. PostgreSQL then refuses to start a second one.
        """
        try:
            command = Path(f"/proc/{self._server_id()}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return False
        return command[0].endswith(b"postgres") and os.fsencode(self._data) in command

    def _server_id(self) -> int:
        return int((self._data / PID_FILE).read_text().partition("\n")[0])

    def _answers(self) -> bool:
        # "Too many connections" is an answer as well; "starting up" is not.
        return self._ping() == Ping.OK

    def _ping(self) -> Ping:
        return Ping(PGconn.ping(self._conninfo().encode()))

    def _conninfo(self) -> str:
        return make_conninfo(
            host=str(self._socket_folder),
            port=PORT,
            user="postgres",
            dbname="postgres",
            connect_timeout=5,
        )

    def _lay_path(self) -> None:
        if self._socket_folder != self._data:
            make_shelter(self._shelter)
            if not self._socket_folder.is_symlink():
                self._socket_folder.symlink_to(self._data)

    @contextmanager
    def _gate(self) -> Iterator[int]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._open("gate.lock") as gate:
                self._wait_until(
                    lambda: _try_lock(gate, fcntl.LOCK_EX),
                    "another process starts or stops the server, and does not end",
                )
                yield gate.fileno()
        except OSError as error:
            raise PostgresUnavailable(f"cannot run PostgreSQL: {error}") from error

    def _open(self, name: str) -> IO[bytes]:
        path = self._folder / name
        path.touch(mode=0o600)
        return path.open("ab")

    def _wait_until(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + self._settings.timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                raise unavailable(complaint, self._log)
            time.sleep(0.05)


def _choose_socket_folder(data: Path, link: Path) -> Path:
    for folder in (data, link):
        # libpq splits hosts at commas, and does not read "+" as the space it stands for in a URL.
        is_plain = not set(" ,") & set(str(folder))
        if is_plain and len(os.fsencode(folder / SOCKET)) < LONGEST_SOCKET_PATH:
            return folder
    raise PostgresUnavailable(f"{data} and {link} are no paths for a socket: take shorter ones")


def _try_lock(file: IO[bytes], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
