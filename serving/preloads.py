"""Loads that no call waits for: few at a time, so that a call's own load comes first."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from serving.loads import Loads, LoadTask
from serving.snapshot import ServableVersion


class Preloads:
    """Works off a list of versions in the background.

    Args:
        loads: Runs them.
        at_once: How many at the same time.
        on_idle: Is called whenever every version of the list is loaded or has failed.
    """

    def __init__(self, loads: Loads, at_once: int, on_idle: Callable[[], None]) -> None:
        self._loads = loads
        self._at_once = at_once
        self._on_idle = on_idle
        self._running: set[LoadTask] = set()
        self._waiting: deque[ServableVersion] = deque()

    def replace(self, versions: Iterable[ServableVersion]) -> None:
        """Take another list; what runs goes on. The first is loaded first."""
        self._waiting = deque(versions)
        self._start_next()

    def close(self) -> None:
        """Start nothing any more."""
        self._waiting.clear()

    def _start_next(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            started = self._loads.start(self._waiting.popleft())
            # What failed a moment ago is for the next list.
            if isinstance(started, asyncio.Task) and started not in self._running:
                self._running.add(started)
                started.add_done_callback(self._go_on)
        if not self._running:
            self._on_idle()

    def _go_on(self, task: LoadTask) -> None:
        self._running.discard(task)
        self._start_next()
