"""A million calls, a hundred thousand of them cancelled: does the server stay as it was?

    python -m benchmarks.soak --server modelyard-express

Cancelled calls are, in turn, sent whole, sent in part, and streams that were answering. Every
leg opens connections of its own and closes them. Ends with 1 if memory grows by more than
8 MiB for a million calls, or if file descriptors stay open.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks.cases import EXPRESS, OURS
from benchmarks.checks import Checker
from benchmarks.h2load import LoadFailed
from benchmarks.machine import describe_machine
from benchmarks.payloads import Payload, write_payloads
from benchmarks.processes import ChildFailed, count_descriptors, read_memory_mib
from benchmarks.report import RESULTS
from benchmarks.servers import BUILD, MODELS, Server, open_server
from benchmarks.workers import Cores, Workers, open_workers

MOST_MIB = 8.0
"""For a million calls."""

_CONNECTIONS, _STREAMS = 8, 8
_LEG_ANSWERED = 1125  # of each connection; with the cancelled ones a leg is 10,000 calls
_CANCEL_EVERY = 9
_LEG_CALLS = _CONNECTIONS * (_LEG_ANSWERED + _LEG_ANSWERED // _CANCEL_EVERY)
_LEG_SECONDS = 120.0
_SETTLE_SECONDS = 10.0
_WARM_UP = 0.1  # the share of the legs in which caches and pools fill


@dataclass(frozen=True, slots=True)
class Sample:
    """The server after a leg: how many calls it has had, and its memory."""

    calls: int
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Soak:
    """How it went.

    Attributes:
        server: The server.
        calls: How many calls it had.
        cancelled: How many of them were cancelled.
        slope_mib: By how much memory grew for a million calls: a line through all samples
            after the warm-up.
        descriptors_left: How many more file descriptors it had at the end than at the start.
        samples: Its memory on the way.
    """

    server: str
    calls: int
    cancelled: int
    slope_mib: float
    descriptors_left: int
    samples: list[Sample]

    @property
    def is_flat(self) -> bool:
        """Whether the server stayed as it was."""
        return self.slope_mib <= MOST_MIB and self.descriptors_left <= 0


def main(
    *,
    server: Annotated[str, typer.Option(help=f"One of {', '.join(OURS)}.")] = EXPRESS,
    calls: Annotated[int, typer.Option(min=20 * _LEG_CALLS, help="How many calls.")] = 1_000_000,
    server_core: Annotated[int, typer.Option(min=0)] = 0,
    client_core: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Soak one of our servers and tell whether it stayed as it was."""
    if server not in OURS:
        raise SystemExit(f"there is no server {server}; there are {', '.join(OURS)}")
    console = Console()
    try:
        result = _soak(server, calls // _LEG_CALLS, Cores(server_core, client_core), console)
    except (LoadFailed, ChildFailed) as error:
        raise SystemExit(str(error)) from error
    console.print(
        f"{result.calls:,} calls, {result.cancelled:,} of them cancelled: memory grew by"
        f" {result.slope_mib:+.2f} MiB for a million calls (at most {MOST_MIB:g}), from"
        f" {result.samples[0].memory_mib:.1f} to {result.samples[-1].memory_mib:.1f} MiB;"
        f" {result.descriptors_left} file descriptors left open"
    )
    console.print(f"written: {_write(result)}")
    if not result.is_flat:
        raise SystemExit(1)


def _soak(name: str, legs: int, cores: Cores, console: Console) -> Soak:
    payloads = write_payloads(MODELS, BUILD / "payloads")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="modelyard-soak-")))
        workers = open_workers(stack, folder, cores)
        (folder / name).mkdir()
        server = stack.enter_context(open_server(name, folder / name, cores.server))
        checker = Checker(workers, payloads)
        checker.check([server])
        _run_leg(workers, server, payloads["linear"])
        before = _settle(server)
        samples = list(_run_legs(workers, server, payloads["linear"], legs, console))
        left = _settle(server, before) - before
        checker.check([server])
    measured = samples[int(len(samples) * _WARM_UP) :]
    line = linear_regression([s.calls for s in measured], [s.memory_mib for s in measured])
    calls = samples[-1].calls
    return Soak(name, calls, calls // (_CANCEL_EVERY + 1), line.slope * 1e6, left, samples)


def _run_legs(
    workers: Workers, server: Server, payload: Payload, legs: int, console: Console
) -> Iterator[Sample]:
    for number in range(1, legs + 1):
        _run_leg(workers, server, payload)
        sample = Sample(number * _LEG_CALLS, read_memory_mib(server.pid))
        if number % (legs // 10) == 0:
            console.print(f"{sample.calls:>9,} calls: {sample.memory_mib:.1f} MiB")
        yield sample


def _run_leg(workers: Workers, server: Server, payload: Payload) -> None:
    job: dict[str, Any] = {
        "address": server.address,
        "framed": str(payload.framed),
        "connections": _CONNECTIONS,
        "streams": _STREAMS,
        "calls": _LEG_ANSWERED,
        "cancel_every": _CANCEL_EVERY,
        "unique": True,  # what a server remembers of headers must not grow either
    }
    found = workers.blaster.ask(job, _LEG_SECONDS)
    if found["fault"]:
        raise LoadFailed(f"{server.name}: {found['fault']}")


def _settle(server: Server, at_most: int = 0) -> int:
    """Count file descriptors when so few are left, or after a while: connections end late."""
    until = time.monotonic() + _SETTLE_SECONDS
    while (found := count_descriptors(server.pid)) > at_most and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _write(result: Soak) -> Path:
    RESULTS.mkdir(exist_ok=True)
    machine = describe_machine()
    path = RESULTS / f"soak-{machine.file_name}.json"
    path.write_text(json.dumps({"machine": asdict(machine), **asdict(result)}, indent=1))
    return path


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
