"""Makes what is loaded follow what is wanted, while calls go on."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from serving.errors import ModelLoading, ModelNotServable
from serving.loaded import LoadedVersion
from serving.loader import Loader, ReadModel
from serving.loads import LoadFailure, LoadOutcome, Loads, LoadTask
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion, Snapshot, VersionKey
from serving.view import View, keep_reachable, route_model, settle_model

logger = logging.getLogger(__name__)

Source = Callable[[], Awaitable[Snapshot]]
"""Reads what should be served from the system of record."""


class Reconciler:
    """Keeps aliased versions loaded, others on demand, and publishes what is served.

    A new target of an alias is loaded and checked beside the old one, which goes on
    answering until the view with the new one replaces the view with the old one; if the
    new one fails, the old one stays. If the source fails, the last view stays.

    Args:
        source: Reads what should be served.
        read_model: Reads a version's model file.
        changed: Is set when the source may have changed. Nobody else may clear it.
        policy: How much and how long.

    Attributes:
        view: What is served now. Read it once a call.
    """

    def __init__(
        self,
        source: Source,
        read_model: ReadModel,
        changed: asyncio.Event,
        policy: ServingPolicy | None = None,
    ) -> None:
        self._source = source
        self._changed = changed
        self._policy = policy or ServingPolicy()
        self._loader = Loader(read_model, self._policy)
        self._loads = Loads(self._loader.load, self._take_outcome, self._policy)
        self._wanted: Snapshot | None = None
        self._loaded: dict[VersionKey, LoadedVersion] = {}
        self._listeners: list[Callable[[], None]] = []
        self._started = asyncio.Event()
        self._source_failed = False
        # An older reading must not be published over a newer one.
        self._refreshing = asyncio.Lock()
        self._caught_up = -math.inf
        self.view = View()

    @property
    def is_informed(self) -> bool:
        """Whether the source has been read at least once."""
        return self._wanted is not None

    @property
    def is_started(self) -> bool:
        """Whether every alias's version found at first has been loaded or has failed."""
        return self._started.is_set()

    async def wait_until_ready(self) -> None:
        """Wait until every alias's version found at first has been loaded or has failed."""
        await self._started.wait()

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
        self._loader.close()
        await self._loads.close()

    async def catch_up(self) -> bool:
        """Read the source now rather than at its next announcement, unless just done.

        Returns:
            Whether it was read: calls for what does not exist must not become queries.
        """
        now = time.monotonic()
        if now - self._caught_up < self._policy.catch_up_seconds:
            return False
        self._caught_up = now
        await self.refresh()
        return True

    async def refresh(self) -> None:
        """Read the source once, publish what changed, start the loads that are missing."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        self._wanted = await self._read_source()
        if self._wanted is None:
            return
        models = self._wanted.models
        self._loads.forget_others({v.key for m in models.values() for v in m.versions.values()})
        for model in models.values():
            for version in model.aliased_versions():
                if version.key not in self._loaded:
                    self._loads.start(version)
        self._publish({*models, *self.view.snapshot.models})

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
            ModelLoading: It takes longer than a call may wait.
            ModelNotServable: It failed, now or so recently that it is not tried again.
        """
        if handle := self._loaded.get(version.key):
            return handle
        started = self._loads.start(version)
        outcome = started if isinstance(started, LoadFailure) else await self._wait(started)
        if outcome is None:
            raise ModelLoading(f"{version} is being loaded; try again in a few seconds")
        if isinstance(outcome, LoadFailure):
            raise ModelNotServable(f"{version} could not be loaded: {outcome.message}")
        return outcome

    def can_answer(self, version: ServableVersion) -> bool:
        """Tell whether a call of the version would be answered; the first may take longer."""
        if version.key in self._loaded:
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
        # A failure is published as well: it may have been the last that start-up waited for.
        if isinstance(outcome, LoadedVersion):
            self._loaded[version.key] = outcome
        self._publish({version.model_id})

    def _publish(self, model_ids: set[str]) -> None:
        """Replace the view by one in which these models are as they should be now."""
        wanted = self._wanted or Snapshot()
        models, routes = dict(self.view.snapshot.models), dict(self.view.routes)
        for model_id in model_ids:
            before = models.pop(model_id, None)
            if model := wanted.models.get(model_id):
                models[model_id] = settle_model(model, before, self._loaded)
        snapshot = Snapshot(models)
        kept = keep_reachable(snapshot, self._loaded, self._policy.on_demand_versions)
        # What is let go here is freed when the last call that holds it has ended.
        dropped = {key[0] for key in self._loaded.keys() - kept.keys()}
        self._loaded = kept
        for model_id in model_ids | dropped:
            routes.pop(model_id, None)
            if model := models.get(model_id):
                routes[model_id] = route_model(model, kept)
        self.view = View(snapshot, routes)
        self._note_started()
        for listener in self._listeners:
            # By way of the loop: a listener that raises harms neither the load nor the rest.
            asyncio.get_running_loop().call_soon(listener)

    def _note_started(self) -> None:
        if self._started.is_set() or self._wanted is None:
            return
        versions = [v for m in self._wanted.models.values() for v in m.aliased_versions()]
        if not any(self._loads.is_running(version) for version in versions):
            self._started.set()
