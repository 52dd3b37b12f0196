"""Every load that runs, and every one that failed and when it may be tried again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass

from registry.errors import DomainError
from serving.errors import ModelLoading
from serving.loaded import LoadedVersion
from serving.policy import ServingPolicy
from serving.snapshot import ServableVersion, VersionKey

logger = logging.getLogger(__name__)

_MOST_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A load that failed.

    Attributes:
        message: Why, for people.
        attempts: How often it was tried.
        retry_at: When it may be tried again, in seconds of the clock given to `Loads`.
        may_pass: Whether the version may be all right: its file could not be read.
    """

    message: str
    attempts: int
    retry_at: float
    may_pass: bool = False


Load = Callable[[ServableVersion], Awaitable[LoadedVersion]]
LoadOutcome = LoadedVersion | LoadFailure
LoadTask = asyncio.Task[LoadOutcome]


class Loads:
    """Runs loads as tasks: one for each version, however many ask for it.

    Args:
        load: Loads one version.
        take: Is given how each load ended, before those who wait for it go on.
        policy: How long to pause after failures.
        clock: Tells the time in seconds; for tests.
    """

    def __init__(
        self,
        load: Load,
        take: Callable[[ServableVersion, LoadOutcome], None],
        policy: ServingPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._take = take
        self._policy = policy
        self._clock = clock
        self._running: dict[VersionKey, LoadTask] = {}
        self._failures: dict[VersionKey, LoadFailure] = {}

    def start(self, version: ServableVersion) -> LoadTask | LoadFailure:
        """Start a load, or join the one that runs.

        Returns:
            The task, or the last failure if it is too early to try again.
        """
        if task := self._running.get(version.key):
            return task
        failure = self._failures.get(version.key)
        if failure and failure.retry_at > self._clock():
            return failure
        task = asyncio.create_task(self._run(version), name=f"load {version}")
        self._running[version.key] = task
        return task

    def is_running(self, version: ServableVersion) -> bool:
        """Tell whether the version is being loaded."""
        return version.key in self._running

    def failure_of(self, version: ServableVersion) -> LoadFailure | None:
        """Tell why the version could not be loaded the last time."""
        return self._failures.get(version.key)

    def forget_others(self, wanted: Container[VersionKey]) -> None:
        """Forget the failures of versions that nobody wants any more."""
        self._failures = {key: f for key, f in self._failures.items() if key in wanted}

    async def close(self) -> None:
        """Cancel what runs and wait for its end."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, version: ServableVersion) -> LoadOutcome:
        try:
            outcome: LoadOutcome = await self._load(version)
            self._failures.pop(version.key, None)
        except Exception as error:
            outcome = self._failures[version.key] = self._judge(version, error)
            logger.warning("%s could not be loaded: %s", version, outcome.message, exc_info=error)
        finally:
            del self._running[version.key]
        self._take(version, outcome)
        return outcome

    def _judge(self, version: ServableVersion, error: Exception) -> LoadFailure:
        before = self._failures.get(version.key)
        attempts = before.attempts + 1 if before else 1
        may_pass, policy = isinstance(error, ModelLoading), self._policy
        longest = policy.reread_longest_seconds if may_pass else policy.retry_longest_seconds
        pause = policy.retry_first_seconds * 2 ** min(attempts - 1, _MOST_DOUBLINGS)
        pause = min(pause, longest)
        message = error.message if isinstance(error, DomainError) else "loading it failed"
        return LoadFailure(message, attempts, self._clock() + pause, may_pass)
