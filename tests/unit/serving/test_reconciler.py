import asyncio
import gc
import weakref

import pytest

from registry.errors import ModelNotFound, VersionNotFound
from serving.errors import ModelNotServable
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from tests.unit.serving import graphs
from tests.unit.serving.store import Store, answer, follow, served, settled


async def test_aliased_versions_are_loaded_and_others_wait_for_a_call(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1)
    store.add(2, champion=2)
    store.add(3, next=3)
    await follow(reconciler)
    assert [served(predictor, text) for text in ("", "champion", "2", "next", "3")] == [
        2,
        2,
        2,
        3,
        3,
    ]
    assert served(predictor, "1") is None
    assert sorted(store.reads) == [2, 3]
    assert answer(await predictor.load("m", "1")) == 1
    assert served(predictor, "1") == 1


async def test_calls_of_one_cold_version_share_one_load(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1)
    gate = store.hold(1)
    await follow(reconciler)
    calls = [asyncio.create_task(predictor.load("m", "1")) for _ in range(5)]
    await store.asked.get()
    calls[0].cancel()  # one caller's going away is nothing to the others
    gate.set()
    handles = await asyncio.gather(*calls[1:])
    assert store.reads == [1]
    assert len({id(handle) for handle in handles}) == 1


async def test_a_new_champion_is_loaded_beside_the_old_one(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.add(2, champion=2)
    gate = store.hold(2)
    await reconciler.refresh()
    assert served(predictor) == 1
    assert (await predictor.describe("m", "champion")).numbers == (1,)
    assert not await predictor.can_answer("m", "2")
    gate.set()
    await settled(reconciler)
    assert served(predictor) == 2


async def test_the_old_champion_answers_though_archived_until_the_new_one_can(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.add(2, champion=2)
    store.archive(1)
    gate = store.hold(2)
    await reconciler.refresh()
    await reconciler.refresh()
    assert served(predictor) == 1
    gate.set()
    await settled(reconciler)
    assert served(predictor) == 2
    assert served(predictor, "1") is None
    with pytest.raises(VersionNotFound):
        await predictor.load("m", "1")


async def test_idle_versions_are_bounded_and_the_last_used_stay(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    for number in range(1, 5):
        store.add(number)
    store.promote(4)
    await follow(reconciler)
    for text in ("1", "2"):
        await predictor.load("m", text)
    assert served(predictor, "1") == 1  # so 2 is the one not used for longest
    await predictor.load("m", "3")
    assert [served(predictor, text) for text in "1234"] == [1, None, 3, 4]
    assert answer(await predictor.load("m", "2")) == 2


async def test_a_version_that_lost_its_alias_counts_as_idle(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    for number in range(1, 6):
        store.add(number, champion=number)
        await follow(reconciler)
    assert [served(predictor, text) for text in "12345"] == [None, None, 3, 4, 5]
    store.promote(4)
    await reconciler.refresh()
    assert served(predictor) == 4  # going back needs no load
    assert store.reads == [1, 2, 3, 4, 5]


async def test_retired_versions_are_freed_when_their_last_call_ends(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    handle = predictor.find("m", "")
    assert handle is not None
    gone, model_gone = weakref.ref(handle), weakref.ref(handle.model)
    store.add(2, champion=2)
    store.archive(1)
    await follow(reconciler)
    assert served(predictor) == 2
    gc.collect()
    assert answer(handle) == 1  # a call that began before goes on
    del handle
    gc.collect()
    assert (gone(), model_gone()) == (None, None)


async def test_deleted_models_go(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.models.clear()
    await reconciler.refresh()
    assert served(predictor) is None
    assert not reconciler._memory.loaded
    with pytest.raises(ModelNotFound):
        await predictor.load("m", "")


async def test_a_model_made_anew_under_an_old_id_is_another_one(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.add(1, graphs.adder(100), champion=1)
    gate = store.hold(1)
    await reconciler.refresh()
    assert served(predictor) is None
    assert not reconciler._memory.loaded
    gate.set()
    await settled(reconciler)
    handle = predictor.find("m", "")
    assert handle
    assert answer(handle) == 100


async def test_an_alias_of_a_version_that_is_not_active(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.archive(1)
    await reconciler.refresh()
    assert served(predictor) is None
    assert not await predictor.can_answer("m", "")
    with pytest.raises(ModelNotServable, match="not active"):
        await predictor.load("m", "")


async def test_a_version_that_nobody_wants_any_more_is_not_kept(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    gate = store.hold(1)
    await reconciler.refresh()
    store.models.clear()
    await reconciler.refresh()
    gate.set()
    await settled(reconciler)
    assert not reconciler._memory.loaded
    assert served(predictor) is None


async def test_what_was_made_a_moment_ago_is_found_and_what_is_not_there_costs_one_reading(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    store.add(2, next=2)  # its announcement is still on the way
    assert answer(await predictor.load("m", "next")) == 2
    store.add(3)
    with pytest.raises(VersionNotFound):
        await predictor.load("m", "3")  # the source was read just now
