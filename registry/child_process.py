"""Runs code that must not harm the server in a throw-away process with limits."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import TypeAdapter

from registry.reports import Fault

REQUEST_FILE = "request.json"
OUTCOME_FILE = "outcome.json"
LINE_BYTES = 1 << 16
_STDERR_BYTES = 1 << 14

# What Python, C++, OpenBLAS, Rust and the system say on standard error then.
_NO_MEMORY = ("MemoryError", "bad_alloc", "emory allocation", "Cannot allocate memory")

KILLED = "KILLED"
"""The reason of a child that was ended from outside; another try may well succeed."""

LineHandler = Callable[[bytes], Awaitable[None]]
Answer = TypeVar("Answer")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What a child may use.

    Attributes:
        memory_bytes: Of private memory.
        seconds: Of wall-clock time; the same again of processor time for each of a few
            threads, as a net under the clock.
        file_bytes: Of each file it writes.
    """

    memory_bytes: int = 2 << 30
    seconds: float = 60.0
    file_bytes: int = 2 << 30


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child ended.

    Attributes:
        code: The exit code; negative is the signal that ended it.
        timed_out: Whether it was ended because its time was up.
        errors: The end of what it wrote to standard error; for the log, never for callers.
    """

    code: int
    timed_out: bool
    errors: str

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself and found no fault with its own work."""
        return self.code == 0 and not self.timed_out

    def describe(self, limits: ChildLimits) -> Fault:
        """Say why it failed."""
        if self.timed_out or self.code == -signal.SIGXCPU:
            return Fault("TIMEOUT", f"it took longer than the {limits.seconds:g} s it may take")
        if self.code in (-signal.SIGKILL, -signal.SIGTERM):
            # No limit of ours ends a process so: its host did, short of memory, or somebody.
            return Fault(KILLED, "the process that ran it was killed from outside")
        if self.code == -signal.SIGABRT or any(word in self.errors for word in _NO_MEMORY):
            mebibytes = limits.memory_bytes >> 20
            return Fault(
                "OUT_OF_MEMORY", f"it probably needs more than the {mebibytes} MiB it may take"
            )
        return Fault("CRASHED", f"the process that ran it ended with code {self.code}")


class ChildProcess:
    """Starts children.

    Args:
        environment: The environment that every child gets; no secrets in it.
        confined: Whether children have no network, no files but those of their folder, and
            limits on memory. Only for children that read nothing a caller sent it is False.
    """

    def __init__(self, environment: Mapping[str, str], *, confined: bool = True) -> None:
        self._environment = dict(environment)
        self._launcher = "registry.sandbox" if confined else "registry.unconfined"

    async def ask(
        self,
        module: str,
        folder: Path,
        request: object,
        answer: type[Answer],
        limits: ChildLimits,
        on_line: LineHandler | None = None,
    ) -> Answer | Fault:
        """Have a child answer a request; both are JSON files in its folder.

        Args:
            module: What to run; it reads request.json and writes outcome.json.
            folder: Its place to work, with whatever else it needs.
            request: A value that pydantic can write.
            answer: The type of what it answers.
            limits: What it may use.
            on_line: Is called with each line of its standard output.

        Returns:
            The answer, or why there is none.
        """
        content = TypeAdapter(type(request)).dump_json(request)
        (folder / REQUEST_FILE).write_bytes(content)
        ended = await self.run(module, folder, limits, on_line)
        if not ended.succeeded:
            fault = ended.describe(limits)
            log.warning("a child failed", module=module, reason=fault.reason, errors=ended.errors)
            return fault
        outcome = await asyncio.to_thread((folder / OUTCOME_FILE).read_bytes)
        return TypeAdapter(answer).validate_json(outcome)

    async def run(
        self, module: str, folder: Path, limits: ChildLimits, on_line: LineHandler | None = None
    ) -> ChildExit:
        """Run `python -m MODULE FOLDER` under limits, and wait for its end.

        A confined child may read the program and the system, and read and write its folder;
        it has no network. Cancelling this call kills it with all that it started, and so
        does the end of this process, because it holds on to the other end of its
        standard input.

        Args:
            module: What to run.
            folder: Its argument and its place to work.
            limits: What it may use.
            on_line: Is called with each line of its standard output.
        """
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: _ChildProtocol(LINE_BYTES, loop),
            *(sys.executable, "-m", self._launcher, module, str(folder)),
            json.dumps(asdict(limits)),
            env=self._environment,
            cwd=folder,
            start_new_session=True,
        )
        process = asyncio.subprocess.Process(transport, protocol, loop)
        errors = asyncio.create_task(_read_tail(process))
        try:
            timed_out = await _watch(process, protocol.exited, limits, on_line)
            return ChildExit(await process.wait(), timed_out, await errors)
        finally:
            await _end(process)
            errors.cancel()


class _ChildProtocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells of the child's own end; `Process.wait` also waits for whoever holds its pipes."""

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit, loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def _watch(
    process: asyncio.subprocess.Process,
    exited: asyncio.Event,
    limits: ChildLimits,
    on_line: LineHandler | None,
) -> bool:
    """Wait for the child's end, or end it; return whether its time was up."""
    try:
        async with asyncio.timeout(limits.seconds):
            await asyncio.gather(_read_lines(process, on_line), _kill_the_rest(process, exited))
    except TimeoutError:
        _kill_all(process)
        return True
    return False


async def _kill_the_rest(process: asyncio.subprocess.Process, exited: asyncio.Event) -> None:
    """Kill what the child left behind, which may hold the pipes that we read."""
    await exited.wait()
    _kill_all(process)


async def _read_lines(process: asyncio.subprocess.Process, on_line: LineHandler | None) -> None:
    assert process.stdout
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:
            continue  # longer than a line may be: it is dropped
        if not line:
            return
        if on_line:
            await on_line(line)


async def _read_tail(process: asyncio.subprocess.Process) -> str:
    """Read standard error to its end, keeping only the end of it."""
    assert process.stderr
    tail = b""
    while chunk := await process.stderr.read(LINE_BYTES):
        tail = (tail + chunk)[-_STDERR_BYTES:]
    return tail.decode(errors="replace")


def _kill_all(process: asyncio.subprocess.Process) -> None:
    """Kill the child's whole session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Make sure that the child is gone, also when we are being cancelled."""
    _kill_all(process)
    await process.wait()
    assert process.stdin
    process.stdin.close()
