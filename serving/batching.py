"""Joins calls of one version that come at about the same time into one run of the model.

The only place that does so. A call waits until the rows of all that wait with it fill a
run, or until the first of them has waited long enough. Each caller has its own future:
one that goes away is left out, and one whose rows make the run fail fails alone.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from registry.batching import Batching
from serving.errors import BatchQueueFull, ModelRunFailed
from serving.onnx_model import Array, Feeds, OnnxModel

Answer = TypeVar("Answer")
RunAside = Callable[..., Awaitable[Any]]
"""Runs a function with its arguments in a thread."""

_FULL_RUNS = 8
"""How many full runs may wait or run: more callers than that are told to come back."""


@dataclass(frozen=True, slots=True)
class JoinedRun:
    """A run that succeeded, for statistics.

    Attributes:
        rows: How many rows it had.
        queue_ns: How long each of its calls waited, in nanoseconds.
        run_ns: How long the model ran, in nanoseconds.
    """

    rows: int
    queue_ns: tuple[int, ...]
    run_ns: int


class _Call:
    """One caller's part of a run."""

    __slots__ = ("answer", "came_ns", "feeds", "rows", "write")

    def __init__(
        self,
        feeds: Feeds,
        rows: int,
        write: Callable[[list[Array]], Any],
        answer: asyncio.Future[Any],
    ) -> None:
        self.feeds = feeds
        self.rows = rows
        self.write = write
        self.answer = answer
        self.came_ns = time.perf_counter_ns()


class _Queue:
    """Calls that want the same outputs, and what ends their waiting."""

    __slots__ = ("calls", "rows", "timer")

    def __init__(self, timer: asyncio.Handle) -> None:
        self.calls: list[_Call] = []
        self.rows = 0
        self.timer = timer


@dataclass(slots=True)
class _Outcomes:
    """What came of some calls: an answer or an exception each, in their order; and the runs."""

    answers: list[Any] = field(default_factory=list)
    runs: list[JoinedRun] = field(default_factory=list)


class Batcher:
    """Joins the calls of one loaded version. Belongs to one event loop.

    Args:
        model: What runs; it must answer row by row.
        quick_rows: A run of more rows leaves the event loop.
        batching: How many rows are joined, and how long a call waits.
        run_aside: Runs a function in a thread.

    Attributes:
        max_rows: A call of as many rows or more has no use for others: don't submit it.
        listener: Is told of each run, on the event loop; for statistics.
    """

    def __init__(
        self, model: OnnxModel, quick_rows: float, batching: Batching, run_aside: RunAside
    ) -> None:
        self.max_rows = batching.max_rows
        self.listener: Callable[[JoinedRun], None] | None = None
        self._model = model
        self._quick_rows = quick_rows
        self._delay_seconds = batching.max_delay_ns / 1e9
        self._run_aside = run_aside
        self._queues: dict[tuple[str, ...], _Queue] = {}
        self._present_rows = 0  # waiting or running
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold of them

    def submit(
        self,
        feeds: Feeds,
        rows: int,
        output_names: Sequence[str],
        write: Callable[[list[Array]], Answer],
    ) -> asyncio.Future[Answer]:
        """Take a call; may run the model before it returns.

        Args:
            feeds: Every input by name, checked, with `rows` rows each.
            rows: How many rows, fewer than `max_rows`.
            output_names: The wanted outputs.
            write: Makes the answer of the outputs; called in any thread.

        Returns:
            The answer to come; cancelling it touches no other call.

        Raises:
            BatchQueueFull: There are too many calls already.
        """
        if self._present_rows + rows > _FULL_RUNS * self.max_rows:
            raise BatchQueueFull(
                "the model has as many requests as it can join and run; try again in a moment"
            )
        loop = asyncio.get_running_loop()
        names = tuple(output_names)
        queue = self._queues.get(names)
        if queue is not None and queue.rows + rows > self.max_rows:
            self._run(names)
            queue = None
        if queue is None:
            queue = _Queue(loop.call_later(self._delay_seconds, self._run, names))
            self._queues[names] = queue
        call = _Call(feeds, rows, write, loop.create_future())
        queue.calls.append(call)
        queue.rows += rows
        self._present_rows += rows
        if queue.rows >= self.max_rows:
            self._run(names)
        return call.answer

    def _run(self, names: tuple[str, ...]) -> None:
        """Run what waits for these outputs, but for callers that went away."""
        queue = self._queues.pop(names)
        queue.timer.cancel()
        calls = [call for call in queue.calls if not call.answer.done()]
        rows = sum([call.rows for call in calls])
        self._present_rows -= queue.rows - rows
        if not calls:
            return
        started_ns = time.perf_counter_ns()
        if rows > self._quick_rows:
            self._start_aside(_answer_all, names, calls, started_ns)
            return
        try:
            outcomes = _answer_joined(self._model, names, calls, started_ns)
        except ModelRunFailed:
            # One run was quick; as many as there are calls may not be.
            self._start_aside(_answer_singly, names, calls, started_ns)
        else:
            self._settle(calls, outcomes)

    def _start_aside(
        self,
        answer: Callable[..., _Outcomes],
        names: tuple[str, ...],
        calls: list[_Call],
        started_ns: int,
    ) -> None:
        async def run() -> None:
            try:
                outcomes = await self._run_aside(answer, self._model, names, calls, started_ns)
            except Exception as error:  # noqa: BLE001 - such as threads that are closed
                outcomes = _Outcomes([error] * len(calls))
            self._settle(calls, outcomes)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _settle(self, calls: list[_Call], outcomes: _Outcomes) -> None:
        for call, answer in zip(calls, outcomes.answers, strict=True):
            self._present_rows -= call.rows
            if call.answer.done():
                continue  # the caller went away while the model ran
            if isinstance(answer, Exception):
                call.answer.set_exception(answer)
            else:
                call.answer.set_result(answer)
        if self.listener is not None:
            for run in outcomes.runs:
                self.listener(run)


def _answer_all(
    model: OnnxModel, names: Sequence[str], calls: list[_Call], started_ns: int
) -> _Outcomes:
    """Answer in one run, or singly if that fails; for threads."""
    try:
        return _answer_joined(model, names, calls, started_ns)
    except ModelRunFailed:
        return _answer_singly(model, names, calls, started_ns)


def _answer_joined(
    model: OnnxModel, names: Sequence[str], calls: list[_Call], started_ns: int
) -> _Outcomes:
    """Answer in one run.

    Raises:
        ModelRunFailed: It failed, or did not answer row by row: no caller is to blame yet.
    """
    if len(calls) == 1:
        return _answer_singly(model, names, calls, started_ns)
    feeds = {name: np.concatenate([call.feeds[name] for call in calls]) for name in calls[0].feeds}
    run_ns = time.perf_counter_ns()
    arrays = model.run(feeds, list(names))
    run_ns = time.perf_counter_ns() - run_ns
    stops = np.cumsum([call.rows for call in calls]).tolist()
    if any(array.shape[:1] != (stops[-1],) for array in arrays):
        raise ModelRunFailed("the model gave another number of rows than it was given")
    outcomes = _Outcomes()
    for call, stop in zip(calls, stops, strict=True):
        part = [array[stop - call.rows : stop] for array in arrays]
        outcomes.answers.append(_write(call, part))
    queue_ns = tuple([started_ns - call.came_ns for call in calls])
    outcomes.runs.append(JoinedRun(stops[-1], queue_ns, run_ns))
    return outcomes


def _answer_singly(
    model: OnnxModel, names: Sequence[str], calls: list[_Call], started_ns: int
) -> _Outcomes:
    """Answer each call by a run of its own, so that only the culprit fails."""
    outcomes = _Outcomes()
    for call in calls:
        run_ns = time.perf_counter_ns()
        try:
            arrays = model.run(call.feeds, list(names))
        except ModelRunFailed as error:
            outcomes.answers.append(error)
            continue
        run_ns = time.perf_counter_ns() - run_ns
        outcomes.answers.append(_write(call, arrays))
        outcomes.runs.append(JoinedRun(call.rows, (started_ns - call.came_ns,), run_ns))
    return outcomes


def _write(call: _Call, arrays: list[Array]) -> Any:
    try:
        return call.write(arrays)
    except Exception as error:  # noqa: BLE001 - it is this caller's alone, and raised there
        return error
