"""Runs a call at once, together with others, or aside: the only place that chooses.

What is quick is run where it came in, or joined with what comes at the same time if its
model asks for that. What takes long leaves the event loop to others.
"""

from asyncio import Future
from collections.abc import Awaitable
from functools import partial
from time import perf_counter_ns
from typing import Any, Protocol, TypeVar

from serving.batching import Batcher
from serving.loaded import LoadedVersion
from serving.predictor import Predictor
from serving.statistics import RunTimes

Call = TypeVar("Call")
Call_contra = TypeVar("Call_contra", contravariant=True)

_NS_PER_SECOND = 1e9


class Form(Protocol[Call_contra]):
    """One form of asking: how its calls, which were checked, are answered."""

    def answer(self, call: Call_contra, handle: LoadedVersion, begun: int) -> tuple[Any, RunTimes]:
        """Run the model and write the answer; blocks meanwhile. Began by `perf_counter_ns`."""

    def join(self, call: Call_contra, handle: LoadedVersion, batcher: Batcher) -> Future[Any]:
        """Have it run together with those of other callers."""

    def wait_seconds(self, call: Call_contra) -> float | None:
        """Tell how long it may wait before it is run; None if it does not say."""


def run_call(
    form: Form[Call],
    call: Call,
    rows: float,
    batch: int,
    handle: LoadedVersion,
    predictor: Predictor,
    arrived: int,
) -> Any | Awaitable[Any]:
    """Answer a call, and count that it was.

    Nothing here makes an object for a call that is run at once: it would be felt.

    Args:
        form: How it is answered.
        call: What came, checked.
        rows: How many rows it takes as long as; infinite if long whatever the model takes.
        batch: How many rows are counted for it.
        handle: The version that answers.
        predictor: Runs what takes long.
        arrived: When it came, by `perf_counter_ns`.

    Returns:
        The answer if it was run at once, else what is awaited for it. What that raises is
        counted; what is raised here is left to the caller to count, with what it reads.

    Raises:
        DomainError: The elements do not fit the model, it failed, or too many wait.
    """
    if not handle.is_quick(rows):
        return _run_aside(form, call, batch, handle, predictor, arrived)
    statistics = handle.statistics or predictor.open_statistics(handle)
    batcher = handle.batcher
    if batcher is not None and rows < batcher.max_rows:
        batcher.listener = statistics.add_joined
        answer = form.join(call, handle, batcher)
        answer.add_done_callback(partial(statistics.note_end, arrived))
        return answer
    response, times = form.answer(call, handle, arrived)
    statistics.add_run(batch, arrived, times)
    return response


async def _run_aside(
    form: Form[Call],
    call: Call,
    batch: int,
    handle: LoadedVersion,
    predictor: Predictor,
    arrived: int,
) -> Any:
    statistics = handle.statistics or predictor.open_statistics(handle)
    wait_seconds = form.wait_seconds(call)
    if wait_seconds is not None:
        wait_seconds -= (perf_counter_ns() - arrived) / _NS_PER_SECOND
    try:
        response, times = await predictor.run_aside(
            _answer_in_thread, form, call, handle, wait_seconds=wait_seconds
        )
    except BaseException:
        statistics.add_failure(arrived)
        raise
    statistics.add_run(batch, arrived, times)
    return response


def _answer_in_thread(form: Form[Call], call: Call, handle: LoadedVersion) -> tuple[Any, RunTimes]:
    """Answer a call whose run begins when a thread gets to it."""
    return form.answer(call, handle, perf_counter_ns())
