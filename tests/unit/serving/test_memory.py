"""A budget for what is loaded: who is let go, who waits, and that no call fails of it."""

import asyncio
import dataclasses
import gc
import logging
import weakref
from collections.abc import AsyncIterator

import pytest

from serving.errors import ModelLoading, ModelNotServable
from serving.memory import _HANDLE_BYTES, ModelMemory, count_memory
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableModel
from tests.unit.serving import graphs
from tests.unit.serving.store import Store, answer, follow, served, settled

MIB = 1 << 20
ONE = MIB - _HANDLE_BYTES
"""The memory of a version that takes a mebibyte in all."""
NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def policy() -> ServingPolicy:
    return ServingPolicy(memory_bytes=3 * MIB, load_wait_seconds=60, rest_factor=0)


@pytest.fixture
async def reconciler(store: Store, policy: ServingPolicy) -> AsyncIterator[Reconciler]:
    made = Reconciler(store.source, store.read_model, store.changed, policy)
    yield made
    for gate in store.gates.values():
        gate.set()
    await made.close()


def add_aliased(store: Store, count: int) -> None:
    for number in range(1, count + 1):
        store.add(number, memory_bytes=ONE)
        store.promote(number, NAMES[number - 1])


def loaded(reconciler: Reconciler) -> list[int]:
    return sorted(number for _, number, _ in reconciler._memory.loaded)


async def test_at_start_there_is_room_for_the_first_and_calls_load_the_rest(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 5)
    await follow(reconciler)
    assert reconciler.is_started
    assert loaded(reconciler) == [1, 2, 3]
    assert await predictor.can_answer("m", "e")
    assert predictor.find("m", "a")
    assert predictor.find("m", "c")
    assert answer(await predictor.load("m", "e")) == 5
    assert loaded(reconciler) == [1, 3, 5]  # 2 was not used
    await follow(reconciler)
    assert loaded(reconciler) == [1, 3, 5]  # what had to go does not come back by itself
    assert answer(await predictor.load("m", "b")) == 2


async def test_a_call_keeps_the_version_that_has_to_go(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 4)
    await follow(reconciler)
    handle = predictor.find("m", "a")
    assert handle
    gone = weakref.ref(handle.model)
    for name in ("b", "c"):
        assert predictor.find("m", name)
    await predictor.load("m", "d")
    assert served(predictor, "a") is None
    assert answer(handle) == 1
    del handle
    gc.collect()
    assert gone() is None


async def test_a_promotion_makes_room_and_the_old_version_answers_until_then(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 3)
    await follow(reconciler)
    store.add(4, memory_bytes=ONE, a=4)
    gate = store.hold(4)
    await reconciler.refresh()
    await store.asked.get()
    for name in ("a", "b"):  # and so c is the one not used for longest
        assert predictor.find("m", name)
    gate.set()
    await settled(reconciler)
    assert loaded(reconciler) == [1, 2, 4]
    assert served(predictor, "a") == 4


async def test_an_alias_that_moves_to_an_unloaded_version_loads_it(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 4)
    await follow(reconciler)
    assert loaded(reconciler) == [1, 2, 3]
    store.promote(4, "a")
    await follow(reconciler)
    assert served(predictor, "a") == 4


async def test_an_old_version_that_had_to_go_answers_while_the_new_one_fails(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 4)
    await follow(reconciler)
    assert [served(predictor, name) for name in ("b", "c")] == [2, 3]
    await predictor.load("m", "d")
    assert served(predictor, "a") is None
    store.add(5, b"garbage", a=5)
    await follow(reconciler)
    assert answer(await predictor.load("m", "a")) == 1


async def test_what_is_larger_than_everything_is_refused_and_nobody_goes_for_it(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    add_aliased(store, 2)
    store.add(3, memory_bytes=3 * MIB, c=3)
    await follow(reconciler)
    assert reconciler.is_started
    assert loaded(reconciler) == [1, 2]
    assert not await predictor.can_answer("m", "c")
    with pytest.raises(ModelNotServable, match=r"takes 4 MiB .* 3 MiB; raise .*model_memory_mb"):
        await predictor.load("m", "c")


async def test_loads_that_run_count_and_the_next_waits_for_them() -> None:
    dropped: list[object] = []
    memory = ModelMemory(MIB, dropped.extend)
    first = graphs.version_of(graphs.adder(1), 1)
    second = graphs.version_of(graphs.adder(2), 2)
    assert count_memory(first) * 8 == MIB
    entered = asyncio.Event()

    async def take_most() -> None:
        async with memory.make_room(graphs.version_of(b"", 2, model_id="other")):
            entered.set()

    eighth = [graphs.version_of(b"", n) for n in range(8)]
    held = [memory.make_room(version) for version in eighth]
    for room in held:
        assert not await room.__aenter__()
    waiting = asyncio.create_task(take_most())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not entered.is_set()
    assert memory.count_free() == 0
    await held[0].__aexit__(None, None, None)
    await waiting
    assert entered.is_set()
    assert dropped == []
    for room in held[1:]:
        await room.__aexit__(None, None, None)
    async with memory.make_room(second) as others_went:
        assert not others_went


async def test_more_models_in_use_than_fit_fail_no_call_and_never_exceed_the_budget(
    store: Store, reconciler: Reconciler, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    add_aliased(store, 6)
    await follow(reconciler)
    free: list[int] = []
    reconciler.add_listener(lambda: free.append(reconciler._memory.count_free()))

    async def call(turn: int) -> None:
        number = turn % 6 + 1
        name = NAMES[number - 1]
        handle = predictor.find("m", name) or await predictor.load("m", name)
        await asyncio.sleep(0)
        assert answer(handle) == number

    with caplog.at_level(logging.WARNING):
        for first in range(0, 120, 12):
            await asyncio.gather(*[call(turn) for turn in range(first, first + 12)])
    assert len(store.reads) > 30  # it did come to exchanges
    assert min(free) >= 0
    assert caplog.text.count("model_memory_mb") == 1  # said once a minute, not each time


async def test_exchanges_rest_so_that_loading_is_never_all_that_happens(store: Store) -> None:
    policy = ServingPolicy(
        memory_bytes=MIB,
        concurrent_loads=1,
        rest_factor=1e9,
        rest_longest_seconds=1e9,
        load_wait_seconds=0.05,
    )
    reconciler = Reconciler(store.source, store.read_model, store.changed, policy)
    predictor = Predictor(reconciler, policy)
    add_aliased(store, 3)
    await follow(reconciler)
    swap = asyncio.create_task(predictor.load("m", "b"))
    await settled(reconciler)
    await asyncio.gather(swap, return_exceptions=True)
    assert loaded(reconciler) == [2]
    with pytest.raises(ModelLoading, match="try again"):
        await predictor.load("m", "c")
    assert served(predictor, "b") == 2  # what is loaded answers all the while
    await reconciler.close()


async def test_at_start_models_that_were_promoted_last_come_first(
    store: Store, reconciler: Reconciler
) -> None:
    models: dict[str, ServableModel] = {}
    for model_id in ("late", "middle", "early"):  # as the source has them
        content = graphs.adder(len(models))
        version = graphs.version_of(content, model_id=model_id)
        store.files[version.digest] = content
        large = dataclasses.replace(version, memory_bytes=2 * ONE)
        models[model_id] = ServableModel({1: large}, {"champion": 1})
    store.models = models
    await follow(reconciler)
    assert reconciler.is_started
    assert [model_id for model_id, _, _ in reconciler._memory.loaded] == ["late"]
