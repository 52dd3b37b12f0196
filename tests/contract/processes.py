"""Processes of the suite: servers, and what works on them."""

import os
import re
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


@dataclass
class Served:
    """A server in a process of its own.

    Attributes:
        address: HOST:PORT.
        pid: The process.
        is_stopping: Whether it was told to stop.
    """

    address: str
    pid: int
    is_stopping: bool = False

    def stop(self) -> None:
        """Tell it to stop, once: a second signal would kill it on its way out."""
        if not self.is_stopping:
            self.is_stopping = True
            os.kill(self.pid, signal.SIGTERM)

    def resident_bytes(self) -> int:
        """Tell how much memory the process has."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s*(\d+) kB", status)
        assert found
        return int(found[1]) << 10


@contextmanager
def serving(transport: str, grace_seconds: float = 5.0) -> Iterator[Served]:
    """Serve the contract's service; calls have so long to end when it stops."""
    with running("tests.contract.serve", transport, str(grace_seconds)) as process:
        assert process.stdout
        port = int(read_line(process.stdout))
        served = Served(f"127.0.0.1:{port}", process.pid)
        yield served
        served.stop()
        assert process.wait(START_SECONDS) == 0


@contextmanager
def running(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module, and kill it at the end if it still runs."""
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read_line(output: IO[str]) -> str:
    """Read a line that must come soon."""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        assert selector.select(START_SECONDS), "no line came"
    return output.readline()
