"""Runs what may hang, each call in a thread of its own, so that nothing else waits for it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class OwnThreads:
    """Starts a thread for each call.

    A read of a file system that is away can't be interrupted. In a pool it would take a
    place for good, and hold up the end of the process; here it takes nobody's.

    Args:
        most: How many may be at work at once, those included that nobody waits for any more.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._at_work = 0

    async def run(self, function: Callable[[*Ts], R], *args: *Ts) -> R:
        """Run a function and wait for it. Cancelling leaves it to itself.

        Raises:
            BlockingIOError: Too many are at work: they hang, most likely.
        """
        if self._at_work >= self._most:
            raise BlockingIOError(f"{self._at_work} calls are at work and do not end")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()

        def work() -> None:
            result, error = None, None
            try:
                result = function(*args)
            except Exception as raised:  # noqa: BLE001 - is raised where it is waited for
                error = raised
            with suppress(RuntimeError):  # the loop ended meanwhile: nobody waits
                loop.call_soon_threadsafe(self._settle, done, result, error)

        threading.Thread(target=work, name="own", daemon=True).start()
        self._at_work += 1
        return await done

    def _settle(self, done: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        self._at_work -= 1
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)
