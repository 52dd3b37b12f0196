"""Children pinned to a core: started, asked, measured and stopped, each by its own pid."""

import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

STOP_SECONDS = 30.0
# Pins, and has the program stopped should we be killed. Both tools become the program that
# they start, so the pid is the program's.
_PREFIX = "taskset --cpu-list {core} setpriv --pdeathsig TERM"
_SHOWN_LINES = 15
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class ChildFailed(Exception):
    """A child ended, or did not answer in time; the text has the end of its log."""


class Child:
    """A process in a session of its own, pinned to one core.

    Args:
        command: What to run.
        core: The core that it and its children may use.
        log: The file that takes what it prints.
        environment: Its whole environment.
        folder: Where it runs.
        pipes: Whether its standard input and output are ours; the log then takes the rest.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        core: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        pipes: bool = False,
    ) -> None:
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*_PREFIX.format(core=core).split(), *map(str, command)],
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Wait until something is so.

        Raises:
            ChildFailed: The child ended first, or the time did.
        """
        until = time.monotonic() + seconds
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise ChildFailed(f"a server did not start:\n{self._read_end_of_log()}")
            time.sleep(0.05)

    def _read_end_of_log(self) -> str:
        return "\n".join(self.log.read_text().splitlines()[-_SHOWN_LINES:])

    def stop(self) -> None:
        """Stop it as an operator does; what is left of its session after that is killed."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> Self:
        """Hand out the child."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the child."""
        self.stop()


class Worker(Child):
    """A child that takes a line of JSON and answers with one."""

    def __init__(self, command: Sequence[str | Path], *, core: int, log: Path, **more: Any) -> None:
        super().__init__(command, core=core, log=log, pipes=True, **more)

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            ChildFailed: It ended, or did not answer in time.
        """
        pipe, answers = self.process.stdin, self.process.stdout
        assert pipe
        assert answers
        pipe.write(json.dumps(question).encode() + b"\n")
        pipe.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            line = answers.readline() if selector.select(seconds) else b""
        if not line:
            raise ChildFailed(f"no answer in {seconds:.0f} s:\n{self._read_end_of_log()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def stop(self) -> None:
        """Close its input, which ends it."""
        assert self.process.stdin
        self.process.stdin.close()
        super().stop()


def find_free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(address: str) -> bool:
    """Tell whether somebody takes connections at HOST:PORT."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def read_cpu_seconds(pid: int) -> float:
    """Read the processor time that one process, without its children, has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def read_machine_cpu_seconds() -> float:
    """Read the processor time that all cores have spent on anything, stolen time included."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_SECOND


def read_memory_mib(pid: int) -> float:
    """Read the resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ChildFailed(f"process {pid} has no memory any more")


def count_descriptors(pid: int) -> int:
    """Count the file descriptors that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
