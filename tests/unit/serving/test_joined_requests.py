"""Requests of a model that asks for batching, through the servicer."""

import asyncio
import gc
import logging
import weakref
from inspect import isawaitable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.inference.v1 import inference_pb2 as pb
from registry.batching import Batching
from serving.elements import write_elements
from serving.errors import TensorInvalid
from serving.loaded import LoadedVersion
from serving.operations.log_settings import LogSettings
from serving.operations.model_control import ModelControl
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.repository import Repository
from serving.servicer import InferenceServicer
from serving.statistics import RunTotals
from tests.support.server_process import wait_for
from tests.unit.serving import graphs
from tests.unit.serving.calls import copy_of
from tests.unit.serving.store import Store, follow

HOUR = Batching(4, 3600 * 10**9)
SOON = Batching(8, 1_000_000)
TEXTS = st.text(max_size=8)
FLOATS = st.floats(width=32)
COUNTS = st.integers(-(2**31), 2**31)
ROWS = st.lists(st.tuples(FLOATS, COUNTS, TEXTS), min_size=1, max_size=9)
OUTPUTS = st.sampled_from([(), ("label",), ("sum", "label")])


def make_request(
    rows: list[tuple[float, int, str]], outputs: tuple[str, ...] = ()
) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="m", id=f"{len(rows)}")
    types = {"length": np.float32, "count": np.int64, "island": object}
    for i, spec in enumerate(graphs.MIXED.inputs):
        request.inputs.add(name=spec.name, datatype=spec.datatype, shape=[len(rows), 1])
        column = np.array([row[i] for row in rows], types[spec.name])
        request.raw_input_contents.append(write_elements(column))
    for name in outputs:
        request.outputs.add(name=name)
    return request


async def infer(servicer: InferenceServicer, request: pb.ModelInferRequest) -> bytes:
    answer = servicer.ModelInfer(copy_of(request), None)
    answer = await answer if isawaitable(answer) else answer
    return answer.SerializeToString(deterministic=True)


async def serve(store: Store, reconciler: Reconciler, batching: Batching | None) -> LoadedVersion:
    if "m" not in store.models:
        store.add(1, graphs.mixed(), graphs.MIXED, champion=1)
    store.batch(batching)
    await follow(reconciler)
    await asyncio.sleep(0)  # the view's listeners are called by way of the loop
    return reconciler.view.routes["m"][""]


@settings(max_examples=60)
@given(calls=st.lists(st.tuples(ROWS, OUTPUTS), min_size=1, max_size=12))
def test_answers_are_those_of_lonely_requests(
    calls: list[tuple[list[tuple[float, int, str]], tuple[str, ...]]],
) -> None:
    async def ask() -> None:
        store = Store()
        repository = Repository(store.source)
        reconciler = Reconciler(
            repository.read_snapshot, store.read_model, store.changed, ServingPolicy()
        )
        control = ModelControl(repository, reconciler)
        log = LogSettings("info", lambda _: None)
        servicer = InferenceServicer(Predictor(reconciler), control, log, "1")
        requests = [make_request(rows, outputs) for rows, outputs in calls]
        await serve(store, reconciler, None)
        lonely = [await infer(servicer, request) for request in requests]
        handle = await serve(store, reconciler, SOON)
        assert handle.batcher
        assert await asyncio.gather(*[infer(servicer, r) for r in requests]) == lonely
        await reconciler.close()

    asyncio.run(ask())


async def test_the_setting_is_followed_without_loading_anew(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    row = make_request([(1.5, 2, "Dream")])
    handle = await serve(store, reconciler, None)
    alone = servicer.ModelInfer(copy_of(row), None)
    assert isinstance(alone, pb.ModelInferResponse)
    await serve(store, reconciler, HOUR)
    waiting = [asyncio.ensure_future(infer(servicer, row)) for _ in range(3)]
    await asyncio.sleep(0)
    changed = await serve(store, reconciler, Batching(2, HOUR.max_delay_ns))
    assert changed is handle
    filling = await asyncio.gather(*[infer(servicer, row) for _ in range(2)])
    assert filling == [alone.SerializeToString(deterministic=True)] * 2
    assert not any(call.done() for call in waiting)  # they wait as they were to
    for call in waiting:
        call.cancel()
    await serve(store, reconciler, None)
    assert isinstance(servicer.ModelInfer(copy_of(row), None), pb.ModelInferResponse)
    assert store.reads == [1]


async def test_a_request_as_large_as_a_run_does_not_wait(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, HOUR)
    answer = servicer.ModelInfer(make_request([(1.5, 2, "Dream")] * 4), None)
    assert isinstance(answer, pb.ModelInferResponse)


async def test_a_bad_request_never_joins(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    handle = await serve(store, reconciler, HOUR)
    bad = make_request([(1.5, 2, "Dream")])
    bad.raw_input_contents[2] = b"\xff"
    with pytest.raises(TensorInvalid):
        await infer(servicer, bad)
    assert handle.batcher
    assert handle.batcher._present_rows == 0


@pytest.mark.parametrize("content", [graphs.less_mean(), graphs.slow()])
async def test_a_version_that_is_not_fit_is_run_call_by_call(
    store: Store,
    reconciler: Reconciler,
    predictor: Predictor,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    assert predictor  # follows the setting
    store.add(1, content, champion=1)
    with caplog.at_level(logging.WARNING, "serving.loaded"):
        handle = await serve(store, reconciler, SOON)
        await serve(store, reconciler, SOON)
    assert handle.batcher is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "version 1 of model 'm' is run call by call" in caplog.text


async def test_a_run_is_no_larger_than_a_call_may_be(store: Store, reconciler: Reconciler) -> None:
    assert Predictor(reconciler, ServingPolicy(input_elements=15))
    handle = await serve(store, reconciler, SOON)
    assert handle.batcher
    assert handle.batcher.max_rows == 5


async def test_a_version_that_joined_calls_is_freed_with_the_last_of_them(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    handle = await serve(store, reconciler, Batching(2, HOUR.max_delay_ns))
    row = make_request([(1.5, 2, "Dream")])
    await asyncio.gather(infer(servicer, row), infer(servicer, row))
    held = weakref.ref(handle.model)
    gc.disable()  # a cycle would keep the memory of a retired model for a while
    try:
        del handle
        store.models.clear()
        await follow(reconciler)
        # The thread that loaded it may be about to let go of it still.
        await asyncio.to_thread(wait_for, lambda: held() is None)
    finally:
        gc.enable()


async def test_joined_runs_are_counted_by_requests_and_by_runs(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    handle = await serve(store, reconciler, HOUR)
    row = make_request([(1.5, 2, "Dream")])
    await asyncio.gather(*[infer(servicer, row) for _ in range(HOUR.max_rows)])
    total = handle.statistics.sum_runs() if handle.statistics else RunTotals()
    assert (total.runs, total.requests, total.rows) == (1, HOUR.max_rows, HOUR.max_rows)
    assert total.request_infer_ns == HOUR.max_rows * total.infer_ns > 0
