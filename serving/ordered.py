"""Works on several requests of a stream at a time, and answers them in their order."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


async def answer_in_order(
    requests: AsyncIterator[Q], answer: Callable[[Q], Coroutine[Any, Any, A]], most_open: int
) -> AsyncGenerator[A]:
    """Answer every request, in the order of the requests.

    Args:
        requests: What comes. No more of it is read while `most_open` answers are due, so a
            caller who does not read is not read from.
        answer: Works on one request. What it raises ends the answers, after those before it.
        most_open: How many requests are worked on at a time.

    Yields:
        One answer for each request; when the requests end, those that are due still come.
    """
    due: asyncio.Queue[asyncio.Task[A] | None] = asyncio.Queue()  # bounded by the slots
    slots = asyncio.Semaphore(most_open)
    reader = asyncio.create_task(_read(requests, answer, due, slots))
    task = None
    try:
        while task := await due.get():
            yield await task
            slots.release()
        await reader  # raises what reading raised
    finally:
        await _cancel(reader, due)
        # A task that failed holds its exception, and that this frame. In a ring, all requests at
        # hand would stay until the garbage collector comes by.
        del reader, task


async def _read(
    requests: AsyncIterator[Q],
    answer: Callable[[Q], Coroutine[Any, Any, A]],
    due: asyncio.Queue[asyncio.Task[A] | None],
    slots: asyncio.Semaphore,
) -> None:
    try:
        async for request in requests:
            await slots.acquire()
            due.put_nowait(asyncio.create_task(answer(request)))
    finally:
        due.put_nowait(None)


async def _cancel(reader: asyncio.Task[None], due: asyncio.Queue[asyncio.Task[A] | None]) -> None:
    """End everything that is not done, and wait for its end."""
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    tasks = []
    while not due.empty():
        if task := due.get_nowait():
            task.cancel()
            tasks.append(task)
    await asyncio.gather(*tasks, return_exceptions=True)
