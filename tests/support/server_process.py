"""The server as its users have it: a process of its own, reached over a real socket."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from modelyard import Client

REPOSITORY = Path(__file__).resolve().parents[2]
STOCK_PYTHON = REPOSITORY / ".venv-stock" / "bin" / "python"
START_SECONDS = 60.0
ESTABLISHED, LISTENING = "01", "0A"

Found = TypeVar("Found")


class ServerProcess:
    """Starts, stops and kills `modelyard-server serve` on one data folder.

    Args:
        home: The data folder.
        settings: More settings, by the names that the server knows.
        arguments: More arguments of `serve`.
    """

    def __init__(
        self, home: Path, settings: Mapping[str, str] | None = None, arguments: tuple[str, ...] = ()
    ) -> None:
        self.home = home
        self.address = ""
        self._arguments = arguments
        self._settings = {"LEASE_SECONDS": "3", **(settings or {})}
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running server."""
        assert self._process
        return self._process

    @property
    def log(self) -> str:
        """Everything that all runs wrote to standard error."""
        return (self.home.parent / f"{self.home.name}.log").read_text()

    def start(self) -> Self:
        """Start the server and wait until it says that it is SERVING."""
        settings = {"HOME": str(self.home), "GRPC_ADDRESS": "127.0.0.1:0", **self._settings}
        with (self.home.parent / f"{self.home.name}.log").open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "server", "serve", *self._arguments],
                cwd=REPOSITORY,
                env=os.environ | {f"MODELYARD_{name}": value for name, value in settings.items()},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self._read_line()
        assert line.startswith("listening grpc="), f"{line!r}\n{self.log}"
        self.address = line.strip().removeprefix("listening grpc=")
        return self

    def _read_line(self) -> str:
        output = self.process.stdout
        assert output
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            assert selector.select(START_SECONDS), self.log
        return output.readline()

    def stop(self) -> int:
        """Stop the server as an operator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def kill(self) -> None:
        """Kill the server as a crash does."""
        self.process.kill()
        self._end()

    def _end(self) -> int:
        code = self.process.wait(60)
        assert self.process.stdout
        self.process.stdout.close()
        self._process = None
        return code

    def connect(self) -> Client:
        """Open a client."""
        return Client(self.address)

    def worker_pid(self) -> int:
        """Find the training worker, a child of the server."""
        return wait_for(lambda: _children_running(self.process.pid, "worker"))[0]

    def part_pids(self) -> list[int]:
        """Find the processes that answer calls where there are several."""
        return _children_running(self.process.pid, "--supervised")

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop, if that was not done."""
        if self._process:
            self.stop()


def wait_for(probe: Callable[[], Found | None], seconds: float = 60.0) -> Found:
    """Ask again and again until there is an answer, with a bound."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := probe():
            return found
        time.sleep(0.02)  # between two looks at another process; nothing hangs on its length
    raise TimeoutError(probe)


def is_running(pid: int) -> bool:
    """Tell whether a process has not ended; one that nobody has waited for yet has."""
    return state_of(pid) not in {"", "Z"}


def state_of(pid: int) -> str:
    """Return the kernel's letter for what a process does, or nothing if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return status.rpartition(")")[2].split()[0]


def has_socket(pid: int, port: int, state: str) -> bool:
    """Tell whether a process has a TCP socket on a port in a state of the kernel's table."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            sockets.add(str(descriptor.readlink()))
    # gRPC listens for both families of addresses with one socket.
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return any(
        found == state and local.endswith(f":{port:04X}") and f"socket:[{rest[5]}]" in sockets
        for _, local, _, found, *rest in lines
    )


def _children_running(parent: int, word: str) -> list[int]:
    found = []
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for pid in children.read_text().split():
        with suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if word in command:
                found.append(int(pid))
    return found
