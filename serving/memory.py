"""The memory of loaded versions: who has it, and who gives way when another needs room."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from serving.errors import ModelNotServable
from serving.loaded import LoadedVersion
from serving.snapshot import ServableVersion, VersionKey

logger = logging.getLogger(__name__)

_HANDLE_BYTES = 128 << 10
_TELL_SECONDS = 60.0


def count_memory(version: ServableVersion) -> int:
    """Tell what a version takes once loaded, with what we keep beside the model, in bytes."""
    return version.memory_bytes + _HANDLE_BYTES


def choose_cold(versions: Iterable[ServableVersion], free_bytes: int) -> set[VersionKey]:
    """Choose which versions are not loaded at start.

    Args:
        versions: What would be loaded, the most important first.
        free_bytes: The room there is.

    Returns:
        Those that do not fit after the ones before them. Not those that never fit: their
        load fails, and says why.
    """
    cold, left = set(), free_bytes
    for version in versions:
        needed = count_memory(version)
        if needed <= left:
            left -= needed
        elif needed <= free_bytes:
            cold.add(version.key)
    return cold


class ModelMemory:
    """The loaded versions, within a budget.

    What a version takes is known before it is loaded, since admission measured it in a
    process of its own: what this process grows by tells little, because freed memory is
    used again. A version that was let go while calls hold it is not counted; that is over
    when they have ended.

    Args:
        most_bytes: The budget.
        let_go: Is told which versions had to go, at once, before others are loaded.

    Attributes:
        loaded: What is loaded. May be replaced or changed by its owner.
    """

    def __init__(self, most_bytes: int, let_go: Callable[[list[LoadedVersion]], None]) -> None:
        self._most_bytes = most_bytes
        self._let_go = let_go
        self._coming: dict[VersionKey, int] = {}
        self._changed = asyncio.Event()
        self._let_go_count = 0
        self._told = -math.inf
        self.loaded: dict[VersionKey, LoadedVersion] = {}

    def check_size(self, version: ServableVersion) -> None:
        """Make sure that a version fits if it has everything.

        Raises:
            ModelNotServable: It does not.
        """
        needed = count_memory(version)
        if needed > self._most_bytes:
            raise ModelNotServable(
                f"it takes {_mebibytes(needed)} MiB once loaded, and all models together may take"
                f" {_mebibytes(self._most_bytes)} MiB; raise the setting model_memory_mb of the"
                " server, or make the model smaller"
            )

    def count_free(self) -> int:
        """Tell how much is left, in bytes."""
        taken = sum(count_memory(handle.version) for handle in self.loaded.values())
        return self._most_bytes - taken - sum(self._coming.values())

    @asynccontextmanager
    async def make_room(self, version: ServableVersion) -> AsyncIterator[bool]:
        """Hold room for a version while it is being loaded; tell whether others had to go.

        Those used least recently go, and only if that is enough. Else it is for other
        loads to end, whose versions may go then.

        Raises:
            ModelNotServable: It is larger than everything.
        """
        self.check_size(version)
        needed = count_memory(version)
        others = False
        while (missing := needed - self.count_free()) > 0:
            if victims := self._choose(missing):
                self._drop(victims)
                others = True
            else:
                self._changed.clear()
                await self._changed.wait()
        self._coming[version.key] = needed
        try:
            yield others
        finally:
            del self._coming[version.key]
            self._changed.set()

    def _choose(self, missing: int) -> list[LoadedVersion]:
        """Choose who goes, the least recently used first; nobody if it is not enough."""
        victims = []
        for handle in sorted(self.loaded.values(), key=lambda handle: handle.last_used):
            victims.append(handle)
            missing -= count_memory(handle.version)
            if missing <= 0:
                return victims
        return []

    def _drop(self, victims: list[LoadedVersion]) -> None:
        for handle in victims:
            del self.loaded[handle.version.key]
        self._let_go(victims)
        self._let_go_count += len(victims)
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            logger.warning(
                "models are unloaded because more are in use than fit into model_memory_mb,"
                " %d so far; raise it if that goes on",
                self._let_go_count,
            )
            self._told = now


def _mebibytes(count: int) -> int:
    return math.ceil(count / (1 << 20))
