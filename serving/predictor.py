"""Finds what answers a call, and runs what takes long off the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from registry.errors import AliasNotFound, ModelNotFound, VersionNotFound
from registry.signature import Signature
from serving.errors import ModelLoading, ModelNotServable, RunQueueFull, WaitTimeout
from serving.loaded import LoadedVersion
from serving.policy import ServingPolicy
from serving.reconciler import Reconciler
from serving.snapshot import ServableVersion, find_model, resolve, resolve_schema
from serving.statistics import StatisticsBook, VersionStatistics

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What callers are told of a model.

    Attributes:
        model_id: The model.
        numbers: The versions that can answer, or the one that was asked for.
        signature: What goes in and comes out.
    """

    model_id: str
    numbers: tuple[int, ...]
    signature: Signature


class Predictor:
    """Finds the version that a call means.

    Args:
        reconciler: Keeps the versions loaded.
        policy: How many slow runs happen at once.

    Attributes:
        policy: The same.
        statistics: What each version did.
    """

    def __init__(self, reconciler: Reconciler, policy: ServingPolicy | None = None) -> None:
        self._reconciler = reconciler
        self.policy = policy or ServingPolicy()
        self.statistics = StatisticsBook()
        self._aside = 0
        self._threads = ThreadPoolExecutor(self.policy.slow_run_threads, thread_name_prefix="run")
        reconciler.add_listener(self._follow_batching)

    def close(self) -> None:
        """Start no slow run any more. Those that run are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def is_ready(self) -> bool:
        """Whether start-up is over: all that should be served is, or has failed to load."""
        return self._reconciler.is_started

    def find(self, model_id: str, version_text: str | int) -> LoadedVersion | None:
        """Find a loaded version, in well under a microsecond; the way of nearly every call.

        Args:
            model_id: The model.
            version_text: A version's number or an alias; empty is the alias `champion`. An
                int is the number of a typed service.
        """
        routes = self._reconciler.view.routes.get(model_id)
        handle = routes.get(version_text) if routes else None
        if handle is not None:
            handle.last_used = time.monotonic()
        return handle

    def open_statistics(self, handle: LoadedVersion) -> VersionStatistics:
        """Give a version that was just loaded its statistics, of earlier loads included."""
        handle.statistics = self.statistics.open(handle.version.key)
        return handle.statistics

    async def load_typed(self, model_id: str, major: int) -> LoadedVersion:
        """Load what answers a typed service, or say why it can't be.

        Raises:
            ModelNotFound, NotOffered: See `resolve_schema`.
            ModelLoading, ModelNotServable: See `load`.
        """
        snapshot = self._reconciler.view.snapshot
        return await self._reconciler.load(resolve_schema(snapshot, model_id, major))

    async def load(
        self, model_id: str, version_text: str, wait_seconds: float | None = None
    ) -> LoadedVersion:
        """Load what `find` did not find, or say why it can't be.

        Args:
            model_id: The model.
            version_text: A number or an alias; empty is the alias `champion`.
            wait_seconds: How long the caller waits at most; None leaves that to the policy.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, FieldInvalid: See `resolve`.
            ModelLoading: It is being loaded; the call may be repeated.
            ModelNotServable: It can't be loaded, or the model has no champion.
            WaitTimeout: The caller's time is up; the load goes on.
        """
        version = await self._resolve(model_id, version_text, "model_version")
        try:
            async with asyncio.timeout(wait_seconds) as timeout:
                return await self._reconciler.load(version)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise _waited_too_long(f"{version} was still being loaded") from None

    async def run_aside(
        self, function: Callable[[*Ts], R], *args: *Ts, wait_seconds: float | None = None
    ) -> R:
        """Run a function in a thread, so that the event loop stays free.

        Args:
            function: What to run.
            args: Its arguments.
            wait_seconds: How long it may wait for a thread; what has begun goes on.

        Raises:
            WaitTimeout: No thread was free in time; it was not run.
            RunQueueFull: Too many others wait already.
        """
        if self._aside >= self.policy.slow_runs_waiting + self.policy.slow_run_threads:
            raise RunQueueFull(
                "as many calls of models that take long are waiting as this server holds; try"
                " again in a moment, or with fewer rows at a time"
            )
        run = self._threads.submit(function, *args)
        self._aside += 1
        outcome = asyncio.wrap_future(run)
        try:
            if wait_seconds is not None:
                await asyncio.wait({outcome}, timeout=max(0.0, wait_seconds))
                if not outcome.done() and run.cancel():
                    raise _waited_too_long("no thread was free")
            return await outcome
        finally:
            run.cancel()  # of a caller who went away; what has begun goes on
            self._aside -= 1

    def _follow_batching(self) -> None:
        """Have each loaded version join its calls as its model asks for now."""
        view = self._reconciler.view
        for model_id, routes in view.routes.items():
            batching = view.snapshot.models[model_id].batching
            for handle in routes.values():
                handle.join_calls(batching, self.run_aside, self.policy.input_elements)

    async def can_answer(self, model_id: str, version_text: str) -> bool:
        """Tell whether a call would be answered; a version loaded on demand counts.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, FieldInvalid: See `resolve`.
        """
        try:
            version = await self._resolve(model_id, version_text, "version")
        except (ModelNotServable, ModelLoading):
            return False
        return self._reconciler.can_answer(version)

    async def describe(self, model_id: str, version_text: str) -> ModelDescription:
        """Tell what a model takes and gives. Needs nothing loaded.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, FieldInvalid: See `resolve`.
            ModelNotServable: The model has no champion, and no version is named.
        """
        version = await self._resolve(model_id, version_text, "version")
        if version_text:
            return ModelDescription(model_id, (version.number,), version.signature)
        versions = find_model(self._reconciler.view.snapshot, model_id).versions.values()
        numbers = sorted(v.number for v in versions if self._reconciler.can_answer(v))
        return ModelDescription(model_id, tuple(numbers), version.signature)

    async def list_ready(self, model_id: str, version_text: str) -> list[ServableVersion]:
        """List versions that can answer.

        Args:
            model_id: The model; empty is every model.
            version_text: The one version that is asked for, ready or not; empty is all.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, FieldInvalid: See `resolve`.
        """
        if model_id and version_text:
            return [await self._resolve(model_id, version_text, "version")]
        models = self._reconciler.view.snapshot.models
        if model_id and model_id not in models:
            await self._reconciler.catch_up()
        snapshot = self._reconciler.view.snapshot
        models = {model_id: find_model(snapshot, model_id)} if model_id else snapshot.models
        versions = [v for m in models.values() for v in m.versions.values()]
        ready = [v for v in versions if self._reconciler.can_answer(v)]
        return sorted(ready, key=lambda version: version.key)

    async def _resolve(self, model_id: str, version_text: str, field_name: str) -> ServableVersion:
        if not self._reconciler.is_informed:
            raise ModelLoading("the server is starting; try again in a few seconds")
        try:
            return resolve(self._reconciler.view.snapshot, model_id, version_text, field_name)
        except (ModelNotFound, VersionNotFound, AliasNotFound, ModelNotServable):
            if self._is_unloaded(model_id):
                raise  # whatever the registry says
            # It may have been made a moment ago: whoever was told so must find it here.
            if not await self._reconciler.catch_up():
                raise
        return resolve(self._reconciler.view.snapshot, model_id, version_text, field_name)

    def _is_unloaded(self, model_id: str) -> bool:
        model = self._reconciler.view.snapshot.models.get(model_id)
        return model is not None and model.is_unloaded


def _waited_too_long(problem: str) -> WaitTimeout:
    return WaitTimeout(
        f"{problem} when the time was up that the request's parameter 'timeout' allows; nothing"
        " was run, so it may be repeated, with a longer timeout",
        field='parameters["timeout"]',
    )
