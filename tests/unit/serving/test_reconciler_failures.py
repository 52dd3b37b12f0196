import asyncio
import dataclasses
import logging

import pytest

from registry.errors import ModelNotFound
from registry.signature import Signature
from serving.errors import ModelLoading, ModelNotServable
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import Snapshot
from tests.unit.serving import graphs
from tests.unit.serving.store import Store, answer, follow, served


@pytest.mark.parametrize(
    ("content", "signature", "reason"),
    [
        (b"garbage", graphs.ADDER, "can't load the model file"),
        (graphs.adder(9), graphs.MIXED, "its signature"),
        (graphs.picker(50), graphs.PICKER, "fails on the row"),
    ],
)
async def test_a_failing_champion_leaves_the_old_one(
    store: Store,
    reconciler: Reconciler,
    predictor: Predictor,
    content: bytes,
    signature: Signature,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    with caplog.at_level(logging.WARNING):
        store.add(2, content, signature, champion=2)
        await follow(reconciler)
    assert served(predictor) == 1
    assert await predictor.can_answer("m", "")
    assert not await predictor.can_answer("m", "2")
    with pytest.raises(ModelNotServable, match=reason):
        await predictor.load("m", "2")
    assert store.reads == [1, 2]
    assert "version 2 of model 'm' could not be loaded" in caplog.text


async def test_a_damaged_or_lost_file_is_told_apart_from_a_bad_model(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    damaged, lost = store.add(1), store.add(2)
    store.files[damaged.digest] += b"\0"
    del store.files[lost.digest]
    await follow(reconciler)
    with pytest.raises(ModelNotServable, match="damaged"):
        await predictor.load("m", "1")
    with pytest.raises(ModelNotServable, match="not in the store"):
        await predictor.load("m", "2")


async def test_a_store_that_hangs_is_a_failed_load(store: Store) -> None:
    store.add(1, champion=1)
    store.hold(1)
    hasty = ServingPolicy(read_timeout_seconds=0)
    reconciler = Reconciler(store.source, store.read_model, store.changed, hasty)
    await follow(reconciler)
    assert reconciler.is_started
    assert not await Predictor(reconciler).can_answer("m", "")
    await reconciler.close()


async def test_a_slow_load_holds_up_neither_others_nor_its_callers_for_ever(store: Store) -> None:
    policy = ServingPolicy(concurrent_loads=2, load_wait_seconds=0)
    reconciler = Reconciler(store.source, store.read_model, store.changed, policy)
    predictor = Predictor(reconciler, policy)
    store.add(1, champion=1)
    gate = store.hold(1)
    store.add(2, next=2)
    store.add(3, b"garbage", other=3)
    store.add(4, last=4)
    await reconciler.refresh()
    quick = [reconciler._loads._running[store.models["m"].versions[n].key] for n in (2, 3, 4)]
    await asyncio.wait(quick)
    assert [served(predictor, t) for t in ("next", "last")] == [2, 4]
    assert not reconciler.is_started
    with pytest.raises(ModelLoading, match="try again"):
        await predictor.load("m", "")
    gate.set()
    await reconciler.wait_until_ready()
    assert served(predictor) == 1
    await reconciler.close()


async def test_failed_loads_are_tried_again_later(store: Store, policy: ServingPolicy) -> None:
    patient = dataclasses.replace(policy, retry_first_seconds=0)
    reconciler = Reconciler(store.source, store.read_model, store.changed, patient)
    predictor = Predictor(reconciler)
    version = store.add(1, champion=1)
    content = store.files.pop(version.digest)
    await follow(reconciler)
    assert served(predictor) is None
    store.files[version.digest] = content
    await follow(reconciler)
    assert served(predictor) == 1
    assert reconciler._loads.failure_of(version) is None
    await reconciler.close()


async def test_failures_of_versions_that_are_gone_are_forgotten(
    store: Store, reconciler: Reconciler
) -> None:
    version = store.add(1, b"garbage", champion=1)
    await follow(reconciler)
    assert reconciler._loads.failure_of(version)
    store.models.clear()
    await reconciler.refresh()
    assert reconciler._loads.failure_of(version) is None


async def test_the_last_view_is_served_while_the_source_fails(
    store: Store, reconciler: Reconciler, predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    store.is_away = True
    with pytest.raises(ModelLoading, match="starting"):
        await predictor.load("m", "")
    await reconciler.refresh()
    assert not reconciler.is_started
    store.is_away = False
    store.add(1, champion=1)
    store.add(2)
    await follow(reconciler)
    store.is_away = True
    caplog.clear()
    await reconciler.refresh()
    await reconciler.refresh()
    assert served(predictor) == 1
    assert answer(await predictor.load("m", "2")) == 2
    assert caplog.text.count("the registry can't be read") == 1  # once, not at every poll


async def test_what_nobody_knows_of_is_not_said_to_be_missing_while_the_source_is_away(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.is_away = True
    for _ in range(2):  # the second one asks so soon that nothing is read
        with pytest.raises(ModelLoading, match="registry can't be read"):
            await predictor.load("other", "")
    assert answer(await predictor.load("m", "")) == 1
    store.is_away = False
    await reconciler.refresh()
    with pytest.raises(ModelNotFound):
        await predictor.load("other", "")


async def test_a_call_does_not_wait_for_a_source_that_hangs(store: Store) -> None:
    hanging = asyncio.Event()
    source = store.source

    async def hang() -> Snapshot:
        if hanging.is_set():
            await asyncio.Event().wait()
        return await source()

    policy = ServingPolicy(load_wait_seconds=0.01)
    reconciler = Reconciler(hang, store.read_model, store.changed, policy)
    predictor = Predictor(reconciler)
    await reconciler.refresh()
    hanging.set()
    for _ in range(2):  # the second one joins the reading that the first one began
        with pytest.raises(ModelLoading, match="registry can't be read"):
            await predictor.load("m", "")
    await reconciler.close()


async def test_a_listener_that_raises_harms_nothing(store: Store, reconciler: Reconciler) -> None:
    problems: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))

    def fail() -> None:
        raise ZeroDivisionError

    reconciler.add_listener(fail)
    store.add(1, champion=1)
    try:
        await follow(reconciler)
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert reconciler.is_started
    assert {type(problem) for problem in problems} == {ZeroDivisionError}
