"""Ends calls on time: the caller's deadline, or ours for unary calls that bring none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from server.errors import DeadlineExceeded
from server.interceptors.around import AroundInterceptor, Call


class DeadlinesInterceptor(AroundInterceptor):
    """Cancels a handler whose time is up.

    Args:
        default_seconds: What a unary call gets that brings no deadline; streams may last.
    """

    def __init__(self, default_seconds: float) -> None:
        super().__init__()
        self._default_seconds = default_seconds

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Put the handler under a timeout."""
        # The stubs leave out that it is None without a deadline.
        seconds = cast("float | None", call.context.time_remaining())
        if seconds is None and call.unary:
            seconds = self._default_seconds
        try:
            async with asyncio.timeout(seconds) as timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DeadlineExceeded(
                "the call took longer than its deadline; its effect may have happened all the"
                " same, so look before you repeat it"
            ) from None
