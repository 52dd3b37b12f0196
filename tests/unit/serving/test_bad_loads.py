"""One slow, hanging or failing load is nothing to the others."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.artifact_store import LocalArtifactStore
from registry.own_threads import OwnThreads
from serving.errors import ModelLoading
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableVersion
from tests.unit.serving.store import Store, answer, follow, served, settled


class HangingFiles:
    """A file system on which some files hang, in real threads that can't be interrupted."""

    def __init__(self, store: Store, hanging: set[int]) -> None:
        self.let_go = threading.Event()
        self._store = store
        self._hanging = hanging
        self._threads = OwnThreads(64)

    async def read(self, version: ServableVersion) -> bytes:
        # The others answer at once: however busy the machine is, their time is not up.
        if version.number in self._hanging:
            await self._threads.run(self.let_go.wait)
        return self._store.files[version.digest]


@pytest.fixture
def released() -> Iterator[list[HangingFiles]]:
    made: list[HangingFiles] = []
    yield made
    for files in made:
        files.let_go.set()


async def test_hung_and_failing_loads_leave_the_places_to_others(
    store: Store, released: list[HangingFiles]
) -> None:
    hanging = set(range(1, 13))
    files = HangingFiles(store, hanging)
    released.append(files)
    policy = ServingPolicy(
        read_timeout_seconds=0.02, read_bytes_per_second=1e12, retry_first_seconds=1000
    )
    reconciler = Reconciler(store.source, files.read, store.changed, policy)
    predictor = Predictor(reconciler, policy)
    for number in range(1, 41):
        content = b"garbage" if number == 20 else None
        store.add(number, content)
        store.promote(number, f"a{number}")
    await follow(reconciler)
    await reconciler.wait_until_ready()
    answering = [n for n in range(1, 41) if served(predictor, f"a{n}") == n]
    assert answering == [n for n in range(13, 41) if n != 20]
    for number in hanging:  # waiting may help there, and the server itself tries again
        with pytest.raises(ModelLoading, match="can't be read"):
            await predictor.load("m", f"a{number}")
    await reconciler.close()


async def test_calls_are_answered_while_a_load_hangs(
    store: Store, released: list[HangingFiles]
) -> None:
    files = HangingFiles(store, {1})
    released.append(files)
    reconciler = Reconciler(store.source, files.read, store.changed)
    predictor = Predictor(reconciler)
    store.add(1, champion=1)
    store.add(2, next=2)
    store.add(3)
    await reconciler.refresh()
    assert answer(await predictor.load("m", "next")) == 2
    assert answer(await predictor.load("m", "3")) == 3
    assert not predictor.is_ready
    await reconciler.wait_until_ready(preload_seconds=0)  # start-up need not wait for it
    assert reconciler.is_started
    assert not await predictor.can_answer("m", "")
    files.let_go.set()
    await settled(reconciler)
    assert served(predictor) == 1
    await reconciler.close()


async def test_threads_that_hang_are_bounded_and_end_by_themselves() -> None:
    threads, gate = OwnThreads(2), threading.Event()
    hanging = [asyncio.create_task(threads.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    hanging[0].cancel()  # nobody waits for it any more; it hangs all the same
    with pytest.raises(BlockingIOError, match="2 calls"):
        await threads.run(gate.wait)
    gate.set()
    assert await hanging[1]
    while True:
        try:
            assert await threads.run(sum, [1, 2]) == 3
            break
        except BlockingIOError:
            await asyncio.sleep(0)  # the cancelled one's thread is about to report its end


async def test_what_a_thread_raises_is_raised_where_it_is_waited_for(tmp_path: Path) -> None:
    threads = OwnThreads(1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)
    folder = tmp_path / "ab"
    store = LocalArtifactStore(tmp_path)
    (folder / ("ab" * 32)).mkdir(parents=True)
    with pytest.raises(Exception, match="not in the store"):
        await store.read("ab" * 32)
