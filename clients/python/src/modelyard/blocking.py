"""Runs the asynchronous operations without an event loop.

Every operation is written once, as a coroutine over a `Transport`. On a
`BlockingTransport` nothing ever suspends: each await is done when it returns. So such
a coroutine runs from its start to its end on the first `send`, in the caller's thread,
beside whatever loop that thread may have.
"""

import functools
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast

import grpc

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Facade(Protocol):
    """An object whose methods are those of its operations, made blocking."""

    _operations: Any


def run(operation: Awaitable[R]) -> R:
    """Run a coroutine that never suspends."""
    steps = operation.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("R", end.value)
    raise RuntimeError("a blocking operation must not wait for an event loop")


def iterate(stream: AsyncIterator[R]) -> Iterator[R]:
    """Iterate an asynchronous stream that never suspends."""
    while True:
        try:
            yield run(anext(stream))
        except StopAsyncIteration:
            return


def blocking(
    operation: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Facade, P], R]:
    """Make a method that runs an operation and returns its result."""

    @functools.wraps(operation)
    def method(self: Facade, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return run(operation(self._operations, *args, **kwargs))

    return method


def blocking_iterator(
    operation: Callable[Concatenate[Any, P], AsyncGenerator[R, None]],
) -> Callable[Concatenate[Facade, P], Iterator[R]]:
    """Make a method that iterates what an operation streams."""

    @functools.wraps(operation)
    def method(self: Facade, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        stream = operation(self._operations, *args, **kwargs)
        try:
            yield from iterate(stream)
        finally:
            # A caller that leaves early also ends the call behind the stream.
            run(stream.aclose())

    return method


class _Answers(Generic[R]):
    """A blocking stream of answers in the shape of an asynchronous one."""

    def __init__(self, answers: Any) -> None:
        self._answers = answers

    def __aiter__(self) -> AsyncIterator[R]:
        return self

    async def __anext__(self) -> R:
        try:
            return cast("R", next(self._answers))
        except StopIteration:
            raise StopAsyncIteration from None

    def cancel(self) -> None:
        self._answers.cancel()


class BlockingChannel:
    """A blocking channel in the shape of an asyncio one, as far as generated stubs need it.

    Args:
        channel: What the calls go through.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def unary_unary(self, *method: Any, **codec: Any) -> Callable[..., Awaitable[Any]]:
        """Return a callable of one request and one answer."""
        call = self._channel.unary_unary(*method, **codec)

        async def perform(request: Any, **settings: Any) -> Any:
            return call(request, **settings)

        return perform

    def stream_unary(self, *method: Any, **codec: Any) -> Callable[..., Awaitable[Any]]:
        """Return a callable of many requests and one answer."""
        call = self._channel.stream_unary(*method, **codec)

        async def perform(requests: AsyncIterator[Any], **settings: Any) -> Any:
            return call(iterate(requests), **settings)

        return perform

    def unary_stream(self, *method: Any, **codec: Any) -> Callable[..., _Answers[Any]]:
        """Return a callable of one request and many answers."""
        call = self._channel.unary_stream(*method, **codec)

        def perform(request: Any, **settings: Any) -> _Answers[Any]:
            return _Answers(call(request, **settings))

        return perform

    def stream_stream(self, *method: Any, **codec: Any) -> Callable[..., _Answers[Any]]:
        """Return a callable of many requests and many answers."""
        call = self._channel.stream_stream(*method, **codec)

        def perform(requests: AsyncIterator[Any], **settings: Any) -> _Answers[Any]:
            return _Answers(call(iterate(requests), **settings))

        return perform


class BlockingTransport:
    """Does everything at once, in the caller's thread.

    Args:
        channel: What the calls go through.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._blocking_channel = channel
        self.channel = cast("grpc.aio.Channel", BlockingChannel(channel))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)  # noqa: ASYNC251  no event loop is held up

    async def offload(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work here."""
        return work(*args, **kwargs)

    async def map(
        self, work: Callable[[T], Coroutine[Any, Any, R]], items: Sequence[T], concurrency: int
    ) -> list[R]:
        """Do the work for all items, in threads if there are several."""
        with ThreadPoolExecutor(concurrency) as threads:
            # A coroutine is made where it runs: one that never ran would be complained of.
            results = [
                threads.submit(copy_context().run, lambda it=item: run(work(it))) for item in items
            ]
            try:
                return [result.result() for result in results]
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    async def close(self) -> None:
        """Close the channel; what is under way is cancelled."""
        self._blocking_channel.close()
