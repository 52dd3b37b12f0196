import asyncio

import pytest

from serving.errors import ModelLoading
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableModel, Snapshot
from tests.unit.serving.store import Store, answer, follow, served


async def test_run_follows_the_signal_and_listeners_hear_of_it(store: Store) -> None:
    never = ServingPolicy(poll_seconds=10_000)
    reconciler = Reconciler(store.source, store.read_model, store.changed, never)
    predictor = Predictor(reconciler)
    heard = asyncio.Queue[int | None]()
    reconciler.add_listener(lambda: heard.put_nowait(served(predictor)))
    running = asyncio.create_task(reconciler.run())
    await reconciler.wait_until_ready()
    for number in (1, 2):
        store.add(number, champion=number)
        store.changed.set()
        while await heard.get() != number:
            pass
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert served(predictor) == 2


async def test_run_polls_when_nothing_is_announced(store: Store) -> None:
    hurried = ServingPolicy(poll_seconds=0.001)
    reconciler = Reconciler(store.source, store.read_model, store.changed, hurried)
    predictor = Predictor(reconciler)
    heard = asyncio.Queue[int | None]()
    reconciler.add_listener(lambda: heard.put_nowait(served(predictor)))
    running = asyncio.create_task(reconciler.run())
    await reconciler.wait_until_ready()
    store.add(1, champion=1)
    while await heard.get() != 1:
        pass
    running.cancel()
    await asyncio.wait({running})


async def test_the_end_of_run_cancels_loads(store: Store) -> None:
    reconciler = Reconciler(store.source, store.read_model, store.changed)
    predictor = Predictor(reconciler)
    store.add(1, champion=1)
    store.hold(1)
    running = asyncio.create_task(reconciler.run())
    await store.asked.get()
    call = asyncio.create_task(predictor.load("m", ""))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    with pytest.raises(ModelLoading):
        await call
    assert not reconciler._loads._running


async def test_no_call_mixes_versions_while_the_alias_moves(
    store: Store, reconciler: Reconciler, predictor: Predictor
) -> None:
    store.add(1, champion=1)
    store.add(2)
    await follow(reconciler)
    stop = False
    seen: list[int] = []

    async def call() -> None:
        while not stop:
            handle = predictor.find("m", "")
            assert handle, "the champion must always answer"
            await asyncio.sleep(0)  # the alias may move here, and does
            assert answer(handle) == handle.version.number
            seen.append(handle.version.number)

    calls = [asyncio.create_task(call()) for _ in range(8)]
    for turn in range(200):
        number = turn % 4 + 1
        if turn < 4:
            store.add(number)
        store.promote(number)
        await follow(reconciler)
        await asyncio.sleep(0)
    stop = True
    await asyncio.gather(*calls)
    assert set(seen) == {1, 2, 3, 4}


async def test_a_view_never_changes(store: Store, reconciler: Reconciler) -> None:
    store.add(1, champion=1)
    await follow(reconciler)
    view = reconciler.view
    before = {text: handle.version.number for text, handle in view.routes["m"].items()}
    store.add(2, champion=2)
    await follow(reconciler)
    assert {t: h.version.number for t, h in view.routes["m"].items()} == before
    assert view.snapshot.models["m"].aliases == {"champion": 1}
    assert reconciler.view.snapshot == Snapshot(
        {"m": ServableModel(store.models["m"].versions, {"champion": 2})}
    )
