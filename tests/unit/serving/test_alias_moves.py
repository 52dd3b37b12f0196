"""A thousand deployments under a hundred thousand calls: none fails, none mixes versions."""

import asyncio
import gc
import weakref
from collections import Counter

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from serving.onnx_model import OnnxModel
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from tests.unit.serving.store import Store, follow

MOVES = 1000
CALLS = 100_000
CALLERS = 8
BURST = 25
MOVES_PER_VERSION = 10
ASIDE_ROWS = 100_000
"""So many rows are run in a thread, while the alias goes on moving."""


class Callers:
    """Clients of the servicer that check every answer."""

    def __init__(self, servicer: InferenceServicer) -> None:
        self._servicer = servicer
        self.answers: Counter[int] = Counter()

    async def call_until_enough(self, moving: asyncio.Task[None]) -> None:
        """Call in bursts until the moves are over and enough calls were made."""
        one, many = make_request(1), make_request(ASIDE_ROWS)
        while not moving.done() or self.answers.total() < CALLS:
            for _ in range(BURST):
                answer = self._servicer.ModelInfer(one, None)
                assert isinstance(answer, pb.ModelInferResponse), "the champion must be loaded"
                self._check(answer)
            aside = self._servicer.ModelInfer(many, None)
            assert not isinstance(aside, pb.ModelInferResponse)
            self._check(await aside)

    def _check(self, answer: pb.ModelInferResponse) -> None:
        """Every number of the answer must be what the version says that it computed."""
        number = int(answer.model_version)
        assert (np.frombuffer(answer.raw_output_contents[0], np.float32) == number).all()
        self.answers[number] += 1


def make_request(rows: int) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="m")
    request.inputs.add(name="x", datatype="FP32", shape=[rows, 1])
    request.raw_input_contents.append(bytes(4 * rows))
    return request


async def move(store: Store, reconciler: Reconciler) -> list[weakref.ref[OnnxModel]]:
    """Move the alias a thousand times, with a new version now and then; the old ones go."""
    retired: list[weakref.ref[OnnxModel]] = []
    newest = 1
    for turn in range(MOVES):
        if turn % MOVES_PER_VERSION == 0:
            newest += 1
            store.add(newest)
        store.promote(newest - turn % 2)
        await follow(reconciler)
        if turn % MOVES_PER_VERSION == 1 and newest > 2:
            handle = reconciler.view.routes["m"].get(str(newest - 2))
            if handle:
                retired.append(weakref.ref(handle.model))
            del handle
            store.archive(newest - 2)
        await asyncio.sleep(0)
    return retired


@pytest.mark.timeout(300)
async def test_a_thousand_moves_under_load_fail_no_call_mix_nothing_and_free_what_retires(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    callers = Callers(servicer)
    retired: list[weakref.ref[OnnxModel]] = []

    async def run_moves() -> None:
        retired.extend(await move(store, reconciler))

    moving = asyncio.create_task(run_moves())
    await asyncio.gather(*[callers.call_until_enough(moving) for _ in range(CALLERS)])
    await moving
    assert callers.answers.total() >= CALLS
    assert len(callers.answers) > MOVES / MOVES_PER_VERSION / 2
    assert len(retired) > MOVES / MOVES_PER_VERSION / 2
    gc.collect()
    assert [ref() for ref in retired if ref()] == []
