"""Finds what answers a call, and runs what takes long off the event loop."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

from registry.errors import AliasNotFound, ModelNotFound, VersionNotFound
from registry.signature import Signature
from serving.errors import ModelLoading, ModelNotServable
from serving.loaded import LoadedVersion
from serving.policy import ServingPolicy
from serving.reconciler import Reconciler
from serving.snapshot import ServableVersion, find_model, resolve

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
    """

    def __init__(self, reconciler: Reconciler, policy: ServingPolicy | None = None) -> None:
        self._reconciler = reconciler
        self.policy = policy or ServingPolicy()
        self._threads = ThreadPoolExecutor(self.policy.slow_run_threads, thread_name_prefix="run")
        reconciler.add_listener(self._follow_batching)

    def close(self) -> None:
        """Start no slow run any more. Those that run are left to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def is_ready(self) -> bool:
        """Whether start-up is over: all that should be served is, or has failed to load."""
        return self._reconciler.is_started

    def find(self, model_id: str, version_text: str) -> LoadedVersion | None:
        """Find a loaded version, in well under a microsecond; the way of nearly every call.

        Args:
            model_id: The model.
            version_text: A number or an alias; empty is the alias `champion`.
        """
        routes = self._reconciler.view.routes.get(model_id)
        handle = routes.get(version_text) if routes else None
        if handle is not None:
            handle.last_used = time.monotonic()
        return handle

    async def load(self, model_id: str, version_text: str) -> LoadedVersion:
        """Load what `find` did not find, or say why it can't be.

        Raises:
            ModelNotFound, VersionNotFound, AliasNotFound, FieldInvalid: See `resolve`.
            ModelLoading: It is being loaded; the call may be repeated.
            ModelNotServable: It can't be loaded, or the model has no champion.
        """
        version = await self._resolve(model_id, version_text, "model_version")
        return await self._reconciler.load(version)

    async def run_aside(self, function: Callable[[*Ts], R], *args: *Ts) -> R:
        """Run a function in a thread, so that the event loop stays free."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

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

    async def _resolve(self, model_id: str, version_text: str, field_name: str) -> ServableVersion:
        if not self._reconciler.is_informed:
            raise ModelLoading("the server is starting; try again in a few seconds")
        try:
            return resolve(self._reconciler.view.snapshot, model_id, version_text, field_name)
        except (ModelNotFound, VersionNotFound, AliasNotFound, ModelNotServable):
            # It may have been made a moment ago: whoever was told so must find it here.
            if not await self._reconciler.catch_up():
                raise
        return resolve(self._reconciler.view.snapshot, model_id, version_text, field_name)
