"""What versions did since the server started: counts and nanoseconds that only grow.

Recorded on the event loop alone, so nothing is locked; and few things are recorded, so
that it costs a call well under a microsecond: one entry for each batch size, from which
all sums are worked out when somebody asks.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from serving.batching import JoinedRun
from serving.snapshot import VersionKey

MOST_BATCH_SIZES = 256
_MOST_VERSIONS = 4096
_NS_PER_MS = 1_000_000


RunTimes = tuple[int, int, int, int]
"""When a run began, had read its inputs, had run its model and had written its outputs, in
nanoseconds of `time.perf_counter_ns`. What lies between arrival and begin was waiting."""


class RunTotals:
    """The sums of some runs.

    Attributes:
        runs: How many.
        requests: How many requests they answered.
        rows: Their rows together.
        queue_ns: The time they waited.
        input_ns: The time it took to read inputs.
        infer_ns: The time the model ran.
        shared_ns: The time the model ran once more for each request but the first of a run.
        output_ns: The time it took to write outputs.
    """

    __slots__ = (
        "infer_ns",
        "input_ns",
        "output_ns",
        "queue_ns",
        "requests",
        "rows",
        "runs",
        "shared_ns",
    )

    def __init__(self) -> None:
        self.runs = self.requests = self.rows = 0
        self.queue_ns = self.input_ns = self.infer_ns = self.output_ns = self.shared_ns = 0

    @property
    def request_infer_ns(self) -> int:
        """The time the model ran, counted for each request that a run answered."""
        return self.infer_ns + self.shared_ns

    @property
    def total_ns(self) -> int:
        """The time from arrival to answer, of all requests together."""
        return self.queue_ns + self.input_ns + self.request_infer_ns + self.output_ns


class VersionStatistics:
    """What one version did.

    Attributes:
        failures: How many requests failed.
        failed_ns: The time that those took.
    """

    __slots__ = ("_by_rows", "_last_run", "_others", "failed_ns", "failures")

    def __init__(self) -> None:
        self._by_rows: dict[int, RunTotals] = {}
        # Callers choose batch sizes: those beyond the bound are only in the sums.
        self._others = RunTotals()
        self._last_run = 0
        self.failures = self.failed_ns = 0

    def add_run(self, rows: int, arrived: int, times: RunTimes) -> None:
        """Record a request that was answered by a run of its own.

        Args:
            rows: Its batch size.
            arrived: When it came, by the clock of `times`.
            times: When the parts of its run ended.
        """
        begun, read, ran, ended = times
        totals = self._by_rows.get(rows) or self._open(rows)
        totals.runs += 1
        totals.requests += 1
        totals.rows += rows
        totals.queue_ns += begun - arrived
        totals.input_ns += read - begun
        totals.infer_ns += ran - read
        totals.output_ns += ended - ran
        self._last_run = ended

    def add_joined(self, run: JoinedRun) -> None:
        """Record a run that answered several requests at once."""
        totals = self._by_rows.get(run.rows) or self._open(run.rows)
        requests = len(run.queue_ns)
        totals.runs += 1
        totals.requests += requests
        totals.rows += run.rows
        totals.queue_ns += sum(run.queue_ns)
        totals.infer_ns += run.run_ns
        totals.shared_ns += run.run_ns * (requests - 1)
        self._last_run = time.perf_counter_ns()

    def add_failure(self, arrived: int) -> None:
        """Record a request that failed now."""
        self.failures += 1
        self.failed_ns += time.perf_counter_ns() - arrived

    def note_end(self, arrived: int, answer: "asyncio.Future[Any]") -> None:
        """Record the failure of a request that others were joined with, if it did fail."""
        if answer.cancelled() or answer.exception():
            self.add_failure(arrived)

    def list_batches(self) -> Iterable[tuple[int, RunTotals]]:
        """List the batch sizes that were seen first, each with its runs."""
        return self._by_rows.items()

    def sum_runs(self) -> RunTotals:
        """Add all runs up."""
        total = RunTotals()
        for totals in (*self._by_rows.values(), self._others):
            for name in RunTotals.__slots__:
                setattr(total, name, getattr(total, name) + getattr(totals, name))
        return total

    @property
    def last_run_ms(self) -> int:
        """When it last ran, in milliseconds since 1970; 0 is never."""
        if not self._last_run:
            return 0
        return (time.time_ns() - time.perf_counter_ns() + self._last_run) // _NS_PER_MS

    def _open(self, rows: int) -> RunTotals:
        if len(self._by_rows) >= MOST_BATCH_SIZES:
            return self._others
        totals = self._by_rows[rows] = RunTotals()
        return totals


class StatisticsBook:
    """The statistics of every version, which outlive the version's being loaded.

    Args:
        most: How many versions it has; whatever was opened longest ago is dropped first.
    """

    def __init__(self, most: int = _MOST_VERSIONS) -> None:
        self._most = most
        self._by_key: dict[VersionKey, VersionStatistics] = {}

    def open(self, key: VersionKey) -> VersionStatistics:
        """Find a version's statistics to add to, or begin them."""
        statistics = self._by_key.pop(key, None) or VersionStatistics()
        self._by_key[key] = statistics
        if len(self._by_key) > self._most:
            del self._by_key[next(iter(self._by_key))]
        return statistics

    def find(self, key: VersionKey) -> VersionStatistics:
        """Find a version's statistics to read; what did nothing has zeros."""
        return self._by_key.get(key) or VersionStatistics()
