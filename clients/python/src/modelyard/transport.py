"""What the operations need of the world, and how asyncio gives it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

import grpc

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Transport(Protocol):
    """A channel, and the other things that can take time."""

    channel: grpc.aio.Channel

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def offload(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work that reads or writes files."""

    async def map(
        self, work: Callable[[T], Coroutine[Any, Any, R]], items: Sequence[T], concurrency: int
    ) -> list[R]:
        """Do the work for all items, for so many at a time, and return the results in order.

        The first error ends the others that can be ended, and is raised.
        """

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""


class AsyncioTransport:
    """The real thing; files are read and written in threads.

    Args:
        channel: What the calls go through.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def offload(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work in a thread."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def map(
        self, work: Callable[[T], Coroutine[Any, Any, R]], items: Sequence[T], concurrency: int
    ) -> list[R]:
        """Do the work for all items, in tasks."""
        gate = asyncio.Semaphore(concurrency)

        async def do(item: T) -> R:
            async with gate:
                return await work(item)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(do(item)) for item in items]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [task.result() for task in tasks]

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""
        await self.channel.close()
