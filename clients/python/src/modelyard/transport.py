"""What the operations need of the world, and how asyncio gives it."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

import grpc

P = ParamSpec("P")
R = TypeVar("R")


class Transport(Protocol):
    """A channel, and the two other things that can take time."""

    channel: grpc.aio.Channel

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def offload(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work that reads or writes files."""

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

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""
        await self.channel.close()
