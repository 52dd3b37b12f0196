"""A million rows of fifty columns: uploaded, described and trained on in bounded memory.

Everything is real: a server and its worker, a file of half a gigabyte, one client. Each process
of the server's family is looked at all the time; the kernel keeps the most it ever had resident.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from modelyard import DatasetVersion, TrainingEvent
from tests.support.server_process import ServerProcess

ROWS, COLUMNS = 1_000_000, 50
MOST_RESIDENT_KIB = 4 << 20
LONGEST_SILENCE_SECONDS = 120.0
pytestmark = pytest.mark.timeout(3600)


def make_table(path: Path) -> None:
    """Write the table: numbers, times, texts, and a target that depends on some."""
    random = np.random.default_rng(0)
    columns: dict[str, np.ndarray | pl.Series] = {
        f"measure_{number}": random.normal(size=ROWS) * 10.0 ** (number % 5) for number in range(43)
    }
    columns |= {f"count_{number}": random.integers(0, 1000, ROWS) for number in range(3)}
    columns |= {
        f"kind_{number}": "kind " + pl.Series(random.integers(0, 20, ROWS)).cast(pl.String)
        for number in range(2)
    }
    columns["seen"] = pl.Series(random.integers(0, 10**9, ROWS)).cast(pl.Datetime("ms"))
    noise = random.normal(size=ROWS)
    columns["target"] = columns["measure_0"] + columns["measure_1"] / 10 + noise > 0
    pl.DataFrame(columns).write_csv(path, float_precision=6)


class Family:
    """The processes of a server, and the most that each ever had resident, by its name."""

    def __init__(self, pid: int) -> None:
        self.resident: dict[str, int] = {}
        self._pid = pid
        self._stop = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all of them again and again."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for pid in _descendants(self._pid):
                with suppress(OSError, StopIteration):
                    name, most = _look(pid)
                    self.resident[name] = max(most, self.resident.get(name, 0))


def _descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def _look(pid: int) -> tuple[str, int]:
    """Return what a process is and the most KiB it ever had resident."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    known = ("training.ingest", "training.fit", "registry.admission_check", "worker", "serve")
    name = next((word for word in known if word in words), Path(words[0]).name)
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return name, int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def test_a_million_rows_are_uploaded_described_and_trained_on(tmp_path: Path) -> None:
    make_table(tmp_path / "big.csv")
    size = (tmp_path / "big.csv").stat().st_size
    say(f"\n{ROWS} rows x {COLUMNS} columns, {size >> 20} MiB of CSV")
    with ServerProcess(tmp_path / "home") as server, server.connect() as client:
        family = Family(server.process.pid)
        with family.watched():
            begin = time.monotonic()
            table = client.upload_dataset("big", tmp_path / "big.csv")
            say(f"uploaded and described in {time.monotonic() - begin:.0f} s")
            assert table.state == DatasetVersion.STATE_ACTIVE, table.faults
            assert (table.row_count, len(table.columns)) == (ROWS, COLUMNS)
            assert table.columns[0].approximate
            job = client.train("big", "big", "target", trainer="logistic-regression")
            moments = [time.monotonic()]

            def tell(event: TrainingEvent) -> None:
                moments.append(time.monotonic())
                say(f"{moments[-1] - begin:5.0f} s {event.progress_percent:3} % {event.message}")

            for event in client.watch_training_job(job):
                tell(event)
            done = client.get_training_job(job)
    silence = max(after - before for before, after in pairwise(moments))
    say(f"longest without a word: {silence:.0f} s")
    for name, most in sorted(family.resident.items()):
        say(f"{name:26} {most / 1024:6.0f} MiB at most")
    assert done.model_version, done.fault
    assert {"training.ingest", "training.fit", "worker", "serve"} <= set(family.resident)
    assert max(family.resident.values()) < MOST_RESIDENT_KIB
    assert silence < LONGEST_SILENCE_SECONDS
