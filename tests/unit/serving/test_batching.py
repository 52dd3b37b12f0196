import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from registry.batching import Batching
from registry.signature import Signature
from serving.batching import Batcher, JoinedRun
from serving.elements import Array
from serving.errors import BatchQueueFull, ModelRunFailed
from serving.onnx_model import OnnxModel
from tests.unit.serving import graphs
from tests.unit.serving.graphs import ADDER, MIXED, PICKER

HOUR_NS = 3600 * 10**9
ALL_QUICK = 10**6


class Joined:
    """A batcher over a model, and what its listener heard."""

    def __init__(
        self,
        content: bytes,
        signature: Signature = ADDER,
        *,
        max_rows: int = 3,
        delay_ns: int = HOUR_NS,
        quick_rows: int = ALL_QUICK,
    ) -> None:
        self.model = OnnxModel(content, signature)
        self.output = signature.outputs[0].name
        self.runs: list[JoinedRun] = []
        self.threads: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        batching = Batching(max_rows, delay_ns)
        self.batcher = Batcher(self.model, quick_rows, batching, self.run_aside)
        self.batcher.listener = self.runs.append

    async def run_aside(self, function: Callable[..., Any], *args: Any) -> Any:
        def run() -> Any:
            assert self.gate.wait(60)
            self.threads.append(threading.current_thread().name)
            return function(*args)

        return await asyncio.to_thread(run)

    def submit(self, *values: Any, **options: Any) -> asyncio.Future[list[Any]]:
        feeds = {"x": np.array(values, np.float32).reshape(-1, 1)}
        return self.send(feeds, len(values), **options)

    def send(
        self,
        feeds: dict[str, Array],
        rows: int,
        outputs: tuple[str, ...] = (),
        write: Callable[[list[Array]], list[Any]] | None = None,
    ) -> asyncio.Future[list[Any]]:
        outputs = outputs or (self.output,)
        return self.batcher.submit(feeds, rows, outputs, write or flat)

    @property
    def sizes(self) -> list[int]:
        return [run.rows for run in self.runs]


def flat(arrays: list[Array]) -> list[Any]:
    values: list[Any] = arrays[0].ravel().tolist()
    return values


async def test_calls_that_fill_a_run_share_it_at_once() -> None:
    joined = Joined(graphs.adder(1))
    calls = [joined.submit(value) for value in (0, 1, 2)]
    assert [call.result() for call in calls] == [[1], [2], [3]]
    (run,) = joined.runs
    assert (run.rows, len(run.queue_ns)) == (3, 3)
    assert run.run_ns > 0
    assert run.queue_ns[0] >= run.queue_ns[2] > 0


async def test_the_delay_ends_the_waiting() -> None:
    joined = Joined(graphs.adder(1), delay_ns=1_000_000)
    calls = [joined.submit(value) for value in (0, 1)]
    assert not any(call.done() for call in calls)
    assert await asyncio.gather(*calls) == [[1], [2]]
    assert await joined.submit(5) == [6]
    assert joined.sizes == [2, 1]


async def test_a_run_has_no_more_rows_than_it_may() -> None:
    joined = Joined(graphs.adder(1))
    first = joined.submit(0, 1)
    second = joined.submit(2, 3)
    assert first.result() == [1, 2]
    assert not second.done()
    assert joined.submit(4).result() == [5]
    assert second.result() == [3, 4]
    assert joined.sizes == [2, 3]


async def test_calls_for_other_outputs_wait_apart() -> None:
    joined = Joined(graphs.mixed(), MIXED, max_rows=2)

    def send(island: str, *outputs: str) -> asyncio.Future[list[Any]]:
        feeds = {
            "length": np.array([[0.5]], np.float32),
            "count": np.array([[2]]),
            "island": np.array([[island]], object),
        }
        return joined.send(feeds, 1, outputs)

    label, number, other = send("Dream", "label"), send("Dream", "sum"), send("", "label")
    assert (label.result(), other.result()) == (["Dream"], [""])
    assert not number.done()
    assert send("", "sum").result() == number.result() == [2.5]


async def test_a_caller_who_left_is_left_out() -> None:
    joined = Joined(graphs.picker(), PICKER)
    bad = joined.send({"index": np.array([99])}, 1)
    good = joined.send({"index": np.array([1])}, 1)
    bad.cancel()
    assert joined.send({"index": np.array([2])}, 1).result() == [3]
    assert good.result() == [2]
    assert joined.sizes == [2]  # and no second try, which the bad one would have cost


async def test_a_queue_that_everybody_left_is_not_run() -> None:
    joined = Joined(graphs.adder(1), delay_ns=0)
    gone = joined.submit(1)
    gone.cancel()
    assert await joined.submit(2, outputs=("y",)) == [3]
    full = [joined.submit(0, 1) for _ in range(12)]
    for call in full:
        call.cancel()
    assert await joined.submit(2) == [3]
    assert joined.batcher._present_rows == 0


async def test_only_the_culprit_fails() -> None:
    joined = Joined(graphs.picker(), PICKER)
    calls = [joined.send({"index": np.array([index])}, 1) for index in (0, 99, 2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert (answers[0], answers[2]) == ([1], [3])
    assert isinstance(answers[1], ModelRunFailed)
    assert joined.sizes == [1, 1]
    assert joined.threads  # one run was quick; three may not be


async def test_only_the_culprit_fails_in_a_thread() -> None:
    joined = Joined(graphs.picker(), PICKER, quick_rows=1)
    calls = [joined.send({"index": np.array([index])}, 1) for index in (0, 99, 2)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert (answers[0], answers[2]) == ([1], [3])
    assert isinstance(answers[1], ModelRunFailed)


async def test_an_answer_that_can_t_be_written_fails_alone() -> None:
    def fail(_arrays: list[Array]) -> list[Any]:
        raise KeyError

    joined = Joined(graphs.adder(1), max_rows=2)
    broken, whole = joined.submit(1, write=fail), joined.submit(2)
    assert whole.result() == [3]
    with pytest.raises(KeyError):
        broken.result()


async def test_rows_that_get_lost_are_noticed() -> None:
    joined = Joined(graphs.only_positive(), max_rows=2)
    calls = [joined.submit(-1), joined.submit(2)]
    assert await asyncio.gather(*calls) == [[], [2]]


async def test_a_run_that_is_not_quick_leaves_the_loop() -> None:
    joined = Joined(graphs.adder(1), quick_rows=2)
    calls = [joined.submit(value) for value in (0, 1, 2)]
    assert not any(call.done() for call in calls)
    assert await asyncio.gather(*calls) == [[1], [2], [3]]
    assert len(joined.threads) == len(joined.runs) == 1


async def test_who_leaves_while_the_model_runs_harms_nobody() -> None:
    joined = Joined(graphs.adder(1), quick_rows=0)
    joined.gate.clear()
    calls = [joined.submit(value) for value in (0, 1, 2)]
    calls[1].cancel()
    joined.gate.set()
    assert (await calls[0], await calls[2]) == ([1], [3])


async def test_too_many_are_told_to_come_back() -> None:
    joined = Joined(graphs.adder(1), quick_rows=0)
    joined.gate.clear()
    calls = [joined.submit(value) for value in range(24)]
    with pytest.raises(BatchQueueFull):
        joined.submit(1)
    joined.gate.set()
    assert await asyncio.gather(*calls) == [[value + 1] for value in range(24)]
    assert joined.batcher._present_rows == 0
    assert not joined.submit(1).done()


async def test_callers_learn_that_threads_are_closed() -> None:
    joined = Joined(graphs.adder(1), quick_rows=0, max_rows=2)

    async def refuse(*_args: Any) -> Any:
        raise RuntimeError("closed")

    joined.batcher._run_aside = refuse
    answers = await asyncio.gather(joined.submit(1), joined.submit(2), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["closed", "closed"]
    assert joined.batcher._present_rows == 0
