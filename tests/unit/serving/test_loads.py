import asyncio

import pytest

from serving.errors import ModelNotServable
from serving.loaded import LoadedVersion
from serving.loader import Loader
from serving.loads import LoadFailure, LoadOutcome, Loads
from serving.memory import ModelMemory
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableVersion
from tests.unit.serving import graphs
from tests.unit.serving.store import Store, answer

VERSION = graphs.version_of(graphs.adder(1))


async def fail(_: ServableVersion) -> LoadedVersion:
    raise ModelNotServable("no luck")


async def test_pauses_double_up_to_the_longest() -> None:
    now = 0.0
    outcomes: list[LoadOutcome] = []
    policy = ServingPolicy(retry_first_seconds=1, retry_longest_seconds=5)
    loads = Loads(fail, lambda _, outcome: outcomes.append(outcome), policy, lambda: now)
    for attempt, pause in enumerate([1, 2, 4, 5, 5], start=1):
        task = loads.start(VERSION)
        assert isinstance(task, asyncio.Task)
        await task
        failure = LoadFailure("no luck", attempt, now + pause)
        assert outcomes[-1] == failure
        now += pause - 0.5
        assert loads.start(VERSION) == failure  # still too early
        now += 0.5
    assert loads.failure_of(VERSION) == outcomes[-1]


async def test_a_thousand_failures_do_not_overflow_the_pause() -> None:
    now = 0.0
    loads = Loads(fail, lambda *_: None, ServingPolicy(), lambda: now)
    for _ in range(1100):
        task = loads.start(VERSION)
        assert isinstance(task, asyncio.Task)
        await task
        now += 300


async def test_what_is_no_domain_error_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def stumble(_: ServableVersion) -> LoadedVersion:
        raise MemoryError("secret")

    loads = Loads(stumble, lambda *_: None, ServingPolicy())
    task = loads.start(VERSION)
    assert isinstance(task, asyncio.Task)
    failure = await task
    assert isinstance(failure, LoadFailure)
    assert failure.message == "loading it failed"
    assert "secret" in caplog.text


async def test_no_more_files_are_read_at_once_than_the_policy_says(store: Store) -> None:
    policy = ServingPolicy(concurrent_reads=2)
    loader = Loader(store.read_model, ModelMemory(policy.memory_bytes, lambda _: None), policy)
    versions = [store.add(number) for number in (1, 2, 3)]
    gates = [store.hold(number) for number in (1, 2, 3)]
    tasks = [asyncio.create_task(loader.load(version)) for version in versions]
    assert [await store.asked.get(), await store.asked.get()] == [1, 2]
    for _ in range(10):
        await asyncio.sleep(0)
    assert store.reads == [1, 2]
    gates[1].set()
    assert await store.asked.get() == 3
    gates[0].set()
    gates[2].set()
    assert [handle.version.number for handle in await asyncio.gather(*tasks)] == [1, 2, 3]
    loader.close()


async def test_calls_need_not_wait_behind_what_nobody_called_for(store: Store) -> None:
    policy = ServingPolicy(concurrent_reads=3, concurrent_preloads=2)
    reconciler = Reconciler(store.source, store.read_model, store.changed, policy)
    predictor = Predictor(reconciler, policy)
    for number in range(1, 6):
        store.add(number)
        store.promote(number, f"a{number}")
        store.hold(number)
    store.add(9)
    await reconciler.refresh()
    assert [await store.asked.get(), await store.asked.get()] == [1, 2]
    assert answer(await predictor.load("m", "9")) == 9  # before 3, 4 and 5 are even read
    assert store.reads == [1, 2, 9]
    for gate in store.gates.values():
        gate.set()
    await reconciler.wait_until_ready()
    assert sorted(store.reads) == [1, 2, 3, 4, 5, 9]
    await reconciler.close()
