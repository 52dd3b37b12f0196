"""Loads and unloads models by hand, and tells the state of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from serving.errors import ModelLoading
from serving.reconciler import Reconciler
from serving.repository import Repository
from serving.snapshot import ServableVersion, find_model, resolve


class ServingState(StrEnum):
    """Whether a version can answer, in Triton's words."""

    READY = "READY"
    LOADING = "LOADING"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The state of a version, or of a model that has no version that may be served.

    Attributes:
        model_id: The model.
        number: The version; None if there is none.
        state: Whether it can answer; None without a version.
        reason: Why.
    """

    model_id: str
    number: int | None = None
    state: ServingState | None = None
    reason: str = ""


class ModelControl:
    """What an operator does to the models of this one server.

    Args:
        repository: What the reconciler follows.
        reconciler: Keeps versions loaded.
    """

    def __init__(self, repository: Repository, reconciler: Reconciler) -> None:
        self._repository = repository
        self._reconciler = reconciler

    async def load(self, model_id: str) -> None:
        """Load a model's champion, as the registry has it now, and wait for it.

        Raises:
            ModelNotFound: There is no such model.
            ModelNotServable: It has no champion, or that can't be loaded.
            ModelLoading: It takes longer than a call may wait; it goes on.
        """
        if self._repository.is_unloaded(model_id):
            self._repository.mark(model_id, unloaded=False)
            await self._reconciler.refresh()
        await self._reconciler.refresh()
        self._check_informed()
        await self._reconciler.load(resolve(self._reconciler.view.snapshot, model_id, ""))

    async def unload(self, model_id: str) -> None:
        """Unload every version of a model; calls that have begun are answered still.

        Raises:
            ModelNotFound: There is no such model.
        """
        if not self.knows(model_id):
            await self._reconciler.catch_up()
        self._check_informed()
        find_model(self._repository.known, model_id)
        self._repository.mark(model_id, unloaded=True)
        await self._reconciler.refresh()

    def knows(self, model_id: str) -> bool:
        """Tell whether there is such a model, loaded or not."""
        return model_id in self._repository.known.models

    def list_entries(self) -> Iterator[IndexEntry]:
        """Tell the state of every version, in the order of models and numbers."""
        for model_id, model in sorted(self._repository.known.models.items()):
            if not model.versions:
                yield IndexEntry(model_id)
            for number, version in sorted(model.versions.items()):
                yield IndexEntry(model_id, number, *self._judge(version))

    def _judge(self, version: ServableVersion) -> tuple[ServingState, str]:
        if self._repository.is_unloaded(version.model_id):
            return ServingState.UNAVAILABLE, "unloaded"
        if str(version.number) in self._reconciler.view.routes.get(version.model_id, ()):
            return ServingState.READY, ""
        if self._reconciler.is_loading(version):
            return ServingState.LOADING, ""
        if failure := self._reconciler.failure_of(version):
            return ServingState.UNAVAILABLE, failure
        return ServingState.READY, "is loaded by its first call"

    def _check_informed(self) -> None:
        if not self._reconciler.is_informed:
            raise ModelLoading("the server is starting; try again in a few seconds")
