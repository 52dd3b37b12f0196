"""Tables for the terminal and for the README, and a file with every figure."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.cases import CASES, LEGEND, OURS, SERVERS
from benchmarks.machine import Machine
from benchmarks.measuring import HANDLER, Cell
from benchmarks.servers import REPOSITORY
from benchmarks.summary import Results, Summary, server_us

RESULTS = REPOSITORY / "benchmarks" / "results"
_BUSY_CLIENT = 0.9
_BUSY_MACHINE = 0.1


@dataclass(slots=True)
class Figures:
    """A table of text."""

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def to_markdown(self) -> str:
        """Write it as Markdown, the figures to the right."""
        head = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)]]
        lines = [f"| {' | '.join(row)} |" for row in [*head, *self.rows]]
        return "\n".join([f"**{self.title}**", "", *lines])

    def to_rich(self) -> Table:
        """Make a table for the terminal."""
        table = Table(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def print_report(cells: list[Cell], about: str, console: Console) -> None:
    """Print every table, and what makes figures doubtful."""
    results = Results(cells)
    for table in make_tables(results):
        console.print(table.to_rich())
    console.print(LEGEND)
    console.print(about)
    for doubt in _find_doubts(results):
        console.print(f"[yellow]{doubt}")


def write_results(cells: list[Cell], machine: Machine, about: str) -> Path:
    """Write every figure as JSON, and the tables as Markdown beside it; return the JSON's path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"bench-{machine.file_name}.json"
    content = {"machine": asdict(machine), "cells": [asdict(cell) for cell in cells]}
    path.write_text(json.dumps(content, indent=1))
    tables = [table.to_markdown() for table in make_tables(Results(cells))]
    path.with_suffix(".md").write_text("\n\n".join([*tables, LEGEND, f"{about}\n"]))
    return path


def make_tables(results: Results) -> Iterator[Figures]:
    """Make every table."""
    yield _compare_servers(results)
    yield _tell_details(results)
    yield _compare_with_handler(results)
    yield _compare_metadata(results)


def _compare_servers(results: Results) -> Figures:
    servers = [name for name in SERVERS if any(name in results.servers(c.name) for c in CASES)]
    first = servers[0]
    title = f"Calls a second; in brackets how many times as many {SERVERS[first]} answers"
    table = Figures(title, ["load", *[SERVERS[name] for name in servers]])
    for case in CASES:
        row = [case.title]
        for name in servers:
            found = results.summarize(case.name, name)
            ratio = results.compare((case.name, first), (case.name, name))
            row.append(_write_rate(found, ratio if name != first else None))
        table.rows.append(row)
    return table


def _write_rate(found: Summary | None, ratio: float | None) -> str:
    if not found:
        return ""
    return f"{found.rate:,.0f}" + (f" ({ratio:.1f}x)" if ratio else "")


def _tell_details(results: Results) -> Figures:
    columns = ["load", "server", "lowest", "highest", "mean ms", "p50 ms", "p99 ms"]
    columns += ["server CPU us/call", "client core"]
    table = Figures("Each server: calls a second in the worst and best round, times", columns)
    for case in CASES:
        for name in results.servers(case.name):
            found = results.summarize(case.name, name)
            assert found
            row = [case.title, SERVERS[name], f"{found.lowest:,.0f}", f"{found.highest:,.0f}"]
            times = (found.mean_ms, found.p50_ms, found.p99_ms)
            row += ["" if value is None else f"{value:.3f}" for value in times]
            row += [f"{found.server_us:.1f}", f"{found.client_share:.0%}"]
            table.rows.append(row)
    return table


def _compare_with_handler(results: Results) -> Figures:
    columns = ["request", "handler alone: us/call"]
    columns += [f"{SERVERS[name]}: us/call (times the handler's)" for name in OURS]
    table = Figures("Processor time of a call: what the transport adds to the handler", columns)
    for case in CASES:
        load = (f"{HANDLER}-{case.payload}", HANDLER)
        alone = results.summarize(*load)
        if not alone or (case.connections, case.streams) != (8, 8):
            continue
        row = [case.title, f"{alone.server_us:.1f}"]
        for name in OURS:
            found = results.summarize(case.name, name)
            ratio = results.compare((case.name, name), load, server_us)
            row.append(f"{found.server_us:.1f} ({ratio:.2f}x)" if found and ratio else "")
        table.rows.append(row)
    return table


def _compare_metadata(results: Results) -> Figures:
    columns = ["server", "without: calls/s", "us/call", "unique: calls/s", "us/call"]
    columns += ["unique over without", "client core"]
    table = Figures("A header with another value on each call, A 8 x 8, raw HTTP/2 client", columns)
    for name in OURS:
        without = results.summarize("metadata-without", name)
        unique = results.summarize("metadata-unique", name)
        ratio = results.compare(("metadata-unique", name), ("metadata-without", name))
        if without and unique and ratio:
            row = [SERVERS[name]]
            for found in (without, unique):
                row += [f"{found.rate:,.0f}", f"{found.server_us:.1f}"]
            share = max(without.client_share, unique.client_share)
            table.rows.append([*row, f"{ratio:.0%}", f"{share:.0%}"])
    return table


def _find_doubts(results: Results) -> Iterator[str]:
    """Say what may have been measured other than the servers."""
    others = []
    for case in CASES:
        for name in results.servers(case.name):
            found = results.summarize(case.name, name)
            assert found
            others.append(found.other_share)
            if found.client_share > _BUSY_CLIENT:
                yield f"{case.title}, {SERVERS[name]}: the client was the limit, not the server"
    if max(others) > _BUSY_MACHINE:
        yield (
            f"other processes used {median(others):.0%} of a core, at times {max(others):.0%}:"
            " the figures are too low, and those that need the machine longest suffer most"
        )
