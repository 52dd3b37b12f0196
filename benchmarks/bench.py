"""Compares servers in one run: every round, each server has every load, one after the other.

    python -m benchmarks.bench --rounds 5 --seconds 2

The servers share one core, the client has the other; only one server has load at a time. Before
and after each round every answer is compared with ONNX Runtime's own. See README.md.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cases import CASES, OURS, SERVERS, is_measured
from benchmarks.checks import Checker
from benchmarks.h2load import LoadFailed, require_h2load
from benchmarks.machine import describe_machine
from benchmarks.measuring import Bench, Cell
from benchmarks.payloads import write_payloads
from benchmarks.processes import ChildFailed
from benchmarks.report import print_report, write_results
from benchmarks.servers import BUILD, MODELS, Server, open_server
from benchmarks.workers import Cores, open_workers

LOADS = (("without", False), ("unique", True))
"""The loads of `blaster`: no header of the caller's, or one with another value on each call."""
WIDTH = 120

Rounds = Annotated[int, typer.Option(min=1, help="How often everything is measured.")]
Seconds = Annotated[float, typer.Option(min=0.2, help="How long each time.")]
Names = Annotated[str, typer.Option(help="Which servers, separated by commas; all by default.")]
Core = Annotated[int, typer.Option(min=0)]


def main(
    *,
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    servers: Names = "",
    server_core: Core = 0,
    client_core: Core = 1,
) -> None:
    """Measure, print tables, and write them with all figures to benchmarks/results."""
    names = [name for name in servers.split(",") if name] or list(SERVERS)
    if unknown := set(names) - set(SERVERS):
        raise SystemExit(f"there is no server {unknown}; there are {', '.join(SERVERS)}")
    console = Console(width=max(WIDTH, Console().width))
    cores = Cores(server_core, client_core)
    machine = describe_machine()
    try:
        require_h2load()
        cells = _measure(names, rounds, seconds, cores, console)
    except (LoadFailed, ChildFailed) as error:
        raise SystemExit(str(error)) from error
    about = f"{machine}; {rounds} rounds of {seconds:g} s, medians"
    written = write_results(cells, machine, about)
    print_report(cells, about, console)
    console.print(f"written: {written} and .md")


def _measure(
    names: list[str], rounds: int, seconds: float, cores: Cores, console: Console
) -> list[Cell]:
    payloads = write_payloads(MODELS, BUILD / "payloads")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="modelyard-bench-")))
        workers = open_workers(stack, folder, cores)
        running = []
        for name in names:
            (folder / name).mkdir()
            opened = open_server(name, folder / name, cores.server)
            running.append(stack.enter_context(opened))
            console.print(f"started {SERVERS[name]}")
        checker = Checker(workers, payloads)
        bench = Bench(payloads, workers, checker, cores, seconds)
        for number in range(rounds):
            checker.check(running)
            # Another server begins each time, so that none is always the one after the pause.
            turn = number % len(running)
            _measure_round(bench, number, running[turn:] + running[:turn])
            checker.check(running)
            console.print(f"round {number + 1} of {rounds} measured, answers compared")
        return bench.cells


def _measure_round(bench: Bench, number: int, servers: list[Server]) -> None:
    for case in CASES:
        for server in servers:
            if is_measured(server.name, case):
                bench.measure(server, case, number)
    for name in bench.payloads:
        bench.measure_handler(name, number)
    for load, unique in LOADS:
        for server in servers:
            if server.name in OURS:
                bench.blast(server, load, number, unique=unique)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
