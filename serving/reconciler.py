"""Makes what is loaded follow what is wanted, while calls go on."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from serving.errors import ModelLoading, ModelNotServable
from serving.loaded import LoadedVersion
from serving.loader import Loader, ReadFile
from serving.loads import LoadFailure, LoadOutcome, Loads, LoadTask
from serving.memory import ModelMemory, choose_cold
from serving.policy import ServingPolicy
from serving.preloads import Preloads
from serving.snapshot import ServableVersion, Snapshot, VersionKey, find_moved
from serving.view import View, keep_reachable, route_model, settle_model

logger = logging.getLogger(__name__)

Source = Callable[[], Awaitable[Snapshot]]
"""Reads what should be served from the system of record."""


class Reconciler:
    """Loads what aliases point to, other versions on demand, and publishes what is served.

    A new target of an alias is loaded and checked beside the old one, which goes on
    answering until the view with the new one replaces the view with the old one; if the
    new one fails, the old one stays. If the source fails, the last view stays.

    All that is loaded fits into a budget: at start aliases are loaded as long as there is
    room, those that moved last first; later the versions used least recently go when
    others need room. A call to what is not loaded waits for its load.

    Args:
        source: Reads what should be served.
        read_model: Reads a version's model file.
        changed: Is set when the source may have changed. Nobody else may clear it.
        policy: How much and how long.
        read_golden_rows: Reads a version's golden rows, to run them where its check is stale.

    Attributes:
        view: What is served now. Read it once a call.
    """

    def __init__(
        self,
        source: Source,
        read_model: ReadFile,
        changed: asyncio.Event,
        policy: ServingPolicy | None = None,
        read_golden_rows: ReadFile | None = None,
    ) -> None:
        self._source = source
        self._changed = changed
        self._policy = policy or ServingPolicy()
        self._memory = ModelMemory(self._policy.memory_bytes, self._note_let_go)
        self._loader = Loader(read_model, self._memory, self._policy, read_golden_rows)
        self._loads = Loads(self._loader.load, self._take_outcome, self._policy)
        self._preloads = Preloads(self._loads, self._policy.concurrent_preloads, self._note_started)
        self._wanted: Snapshot | None = None
        # Versions that had to go or found no room: they are not loaded until a call comes.
        self._cold: set[VersionKey] = set()
        self._listeners: list[Callable[[], None]] = []
        self._informed = asyncio.Event()
        self._started = asyncio.Event()
        self._source_failed = False
        # An older reading must not be published over a newer one.
        self._refreshing = asyncio.Lock()
        self._catching_up: asyncio.Task[None] | None = None
        self._caught_up = -math.inf
        self.view = View()

    @property
    def is_informed(self) -> bool:
        """Whether the source has been read at least once."""
        return self._informed.is_set()

    @property
    def is_started(self) -> bool:
        """Whether start-up is over; see `wait_until_ready`."""
        return self._started.is_set()

    async def wait_until_ready(self, preload_seconds: float | None = None) -> None:
        """Wait until what aliases point to is loaded, as far as it fits, or has failed.

        Args:
            preload_seconds: Wait no longer than this once the source has been read: loading
                goes on, and a call to what is not loaded yet waits for its own load.
        """
        await self._informed.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(preload_seconds):
                await self._started.wait()
        self._started.set()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have a function called, on the event loop, after each change of the view."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the source until cancelled."""
        try:
            while True:
                # Before reading: a change while the source is read must not get lost.
                self._changed.clear()
                await self.refresh()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._policy.poll_seconds):
                        await self._changed.wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Cancel the loads that run; `run` does it when it ends. Loaded versions stay."""
        if self._catching_up:
            self._catching_up.cancel()
        self._preloads.close()
        self._loader.close()
        await self._loads.close()

    async def catch_up(self) -> bool:
        """Read the source now, or join who does, unless it was read a moment ago.

        Returns:
            Whether it was read: calls for what does not exist must not become queries.

        Raises:
            ModelLoading: It can't be read now, so that nobody knows what else there is.
        """
        now, task = time.monotonic(), self._catching_up
        if task is None or task.done():
            task = None
            if now - self._caught_up >= self._policy.catch_up_seconds:
                self._caught_up = now
                self._catching_up = task = asyncio.create_task(self.refresh())
        if task:
            # As long as a call may wait, not as long as the source may take.
            await asyncio.wait({task}, timeout=self._policy.load_wait_seconds)
        if self._source_failed or (task and not task.done()):
            raise ModelLoading(
                "the registry can't be read now, and nothing of this name was there before;"
                " try again in a few seconds"
            )
        return task is not None

    async def refresh(self) -> None:
        """Read the source once, publish what changed, start the loads that are missing."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        before, self._wanted = self._wanted, await self._read_source()
        if self._wanted is None:
            return
        models = self._wanted.models
        self._loads.forget_others({v.key for m in models.values() for v in m.versions.values()})
        former = before.models if before else {}
        # To publish thousands of models that are as they were would hold up calls.
        if changed := {id_ for id_ in {*models, *former} if models.get(id_) != former.get(id_)}:
            self._publish(changed)
        self._preload(before, self._wanted)
        self._informed.set()

    def _preload(self, before: Snapshot | None, wanted: Snapshot) -> None:
        """Load what aliases point to, those that moved last first, but for what is cold."""
        aliased = {v.key: v for m in wanted.models.values() for v in m.aliased_versions()}
        # To promote a version is to say that calls will come.
        self._cold = (self._cold & aliased.keys()) - find_moved(before or Snapshot(), wanted)
        missing = [v for key, v in aliased.items() if key not in self._memory.loaded]
        if before is None:
            self._cold = choose_cold(missing, self._memory.count_free())
        self._preloads.replace(v for v in missing if v.key not in self._cold)

    async def _read_source(self) -> Snapshot | None:
        """Read the source; if it fails return what it said the last time."""
        try:
            async with asyncio.timeout(self._policy.source_timeout_seconds):
                snapshot = await self._source()
        except Exception as error:  # whatever the source raises, serving goes on
            if not self._source_failed:
                logger.warning("the registry can't be read; the last view stays", exc_info=error)
            self._source_failed = True
            return self._wanted
        self._source_failed = False
        return snapshot

    async def load(self, version: ServableVersion) -> LoadedVersion:
        """Get a version that is not in the view's routes: load it, or join its load.

        Raises:
            ModelLoading: It takes longer than a call may wait, or its file can't be read now.
            ModelNotServable: It failed, now or so recently that it is not tried again.
        """
        if handle := self._memory.loaded.get(version.key):
            return handle
        started = self._loads.start(version)
        outcome = started if isinstance(started, LoadFailure) else await self._wait(started)
        if outcome is None:
            raise ModelLoading(f"{version} is being loaded; try again in a few seconds")
        if isinstance(outcome, LoadFailure) and outcome.may_pass:
            raise ModelLoading(f"{version} is not loaded yet: {outcome.message}; try again soon")
        if isinstance(outcome, LoadFailure):
            raise ModelNotServable(f"{version} could not be loaded: {outcome.message}")
        return outcome

    def can_answer(self, version: ServableVersion) -> bool:
        """Tell whether a call of the version would be answered; the first may take longer."""
        if version.key in self._memory.loaded:
            return True
        return not (self._loads.is_running(version) or self._loads.failure_of(version))

    def is_loading(self, version: ServableVersion) -> bool:
        """Tell whether the version is being loaded."""
        return self._loads.is_running(version)

    def failure_of(self, version: ServableVersion) -> str | None:
        """Tell why the version could not be loaded the last time."""
        failure = self._loads.failure_of(version)
        return failure.message if failure else None

    async def _wait(self, task: LoadTask) -> LoadOutcome | None:
        # `wait` leaves the task alone when its caller is cancelled: others wait for it too.
        await asyncio.wait({task}, timeout=self._policy.load_wait_seconds)
        return task.result() if task.done() and not task.cancelled() else None

    def _take_outcome(self, version: ServableVersion, outcome: LoadOutcome) -> None:
        if isinstance(outcome, LoadedVersion):
            self._memory.loaded[version.key] = outcome
            self._publish({version.model_id})

    def _note_let_go(self, handles: list[LoadedVersion]) -> None:
        self._cold |= {handle.version.key for handle in handles}
        self._publish({handle.version.model_id for handle in handles})

    def _publish(self, model_ids: set[str]) -> None:
        """Replace the view by one in which these models are as they should be now."""
        wanted, loaded = self._wanted or Snapshot(), self._memory.loaded
        models, routes = dict(self.view.snapshot.models), dict(self.view.routes)
        for model_id in model_ids:
            before = models.pop(model_id, None)
            if model := wanted.models.get(model_id):
                models[model_id] = settle_model(model, before, loaded)
        snapshot = Snapshot(models)
        kept = keep_reachable(snapshot, loaded, self._policy.on_demand_versions)
        # What is let go here is freed when the last call that holds it has ended.
        dropped = {key[0] for key in loaded.keys() - kept.keys()}
        self._memory.loaded = kept
        for model_id in model_ids | dropped:
            routes.pop(model_id, None)
            if model := models.get(model_id):
                routes[model_id] = route_model(model, kept)
        self.view = View(snapshot, routes)
        for listener in self._listeners:
            # By way of the loop: a listener that raises harms neither the load nor the rest.
            asyncio.get_running_loop().call_soon(listener)

    def _note_started(self) -> None:
        self._started.set()
