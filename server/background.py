"""A running server, and the work that goes on in it for as long as a context is open."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog

from server.errors import CannotStart

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is SERVING.

    Attributes:
        address: HOST:PORT, the port as it really is.
        broken: Is set when a part of it ended that must not; it should be stopped then.
    """

    address: str
    broken: asyncio.Event


Run = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


async def enter_background(stack: AsyncExitStack, broken: asyncio.Event) -> Run:
    """Make what runs coroutines until the stack is closed, which ends all at once.

    None of them ends by itself; one that does sets the event.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(report)
        return task

    def report(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        # One that could not start says all there is to say in its own words.
        trace = None if isinstance(error, CannotStart) else error
        log.error("a part of the server ended", reason=str(error), exc_info=trace)
        broken.set()

    stack.push_async_callback(end)
    return run
