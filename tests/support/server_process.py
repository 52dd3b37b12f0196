"""The server as its users have it: a process of its own, reached over a real socket."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self, TypeVar

from modelyard import Client

REPOSITORY = Path(__file__).resolve().parents[2]
STOCK_PYTHON = REPOSITORY / ".venv-stock" / "bin" / "python"
START_SECONDS = 60.0

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
        return wait_for(lambda: _child_running(self.process.pid, "worker"))

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


def _child_running(parent: int, word: str) -> int | None:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    for pid in children.read_text().split():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if word in command:
            return int(pid)
    return None
