"""A call that is over holds nothing: its memory goes without the garbage collector's help."""

import asyncio
import gc
import inspect
import weakref
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from server.express import frames
from tests.unit.express.peer import ASYNC, INLINE, REQUEST, STREAM, Peer, data_frame

ANSWER = bytes(100_000)  # more than the windows take at first


class Held:
    """Something that a handler has in its hands."""


class Handler:
    """Holds something, and keeps its context beyond the end."""

    def __init__(self) -> None:
        self.held: weakref.ref[Held] | None = None
        self.contexts: list[Any] = []
        self.began = asyncio.Event()

    async def answer(self, _: bytes, context: Any) -> bytes:
        held = Held()
        self.held = weakref.ref(held)
        self.contexts.append(context)
        self.began.set()
        await context.write(ANSWER)
        return b""


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop


def reset(peer: Peer, stream_id: int) -> None:
    peer.send(frames.pack_reset(stream_id, frames.CANCEL))


def lose(peer: Peer, _: int) -> None:
    peer.connection.connection_lost(None)


def fetch(peer: Peer, stream_id: int) -> None:
    widen = [frames.pack_window_update(id_, 1 << 20) for id_ in (0, stream_id)]
    peer.send(*widen)


@pytest.mark.parametrize("end", [reset, lose, fetch])
async def test_a_call_in_a_task_goes_when_it_is_over(end: Any) -> None:
    handler = Handler()
    peer = Peer(handler.answer).greet()
    stream_id = peer.call(ASYNC)
    await handler.began.wait()
    (stream,) = map(weakref.ref, peer.connection.table.streams())
    end(peer, stream_id)
    await settle()
    assert handler.held
    assert handler.held() is None
    assert stream() is None


class Failure:
    """Fails at once, with something in its hands."""

    def __init__(self) -> None:
        self.held: list[weakref.ref[Held]] = []

    def answer(self, _: bytes, __: Any) -> bytes:
        held = Held()
        self.held.append(weakref.ref(held))
        raise ValueError

    def is_gone(self) -> bool:
        return [held() for held in self.held] == [None]


def refuse_always(failure: Failure) -> Peer:
    peer = Peer().greet()
    handler: Any = grpc.unary_unary_rpc_method_handler(failure.answer)
    peer.server.add_registered_method_handlers("t.T", {"Fail": handler})
    return peer


@pytest.mark.parametrize("first_bytes", [0, 3])
async def test_a_call_that_fails_at_once_goes(first_bytes: int) -> None:
    peer = refuse_always(failure := Failure())
    stream_id, head = peer.open_call("/t.T/Fail")
    first, rest = REQUEST[:first_bytes], REQUEST[first_bytes:]
    pieces = [data_frame(stream_id, first)] if first else []
    peer.send(head, *pieces, data_frame(stream_id, rest, is_last=True))
    await settle()
    assert failure.is_gone()


async def test_a_call_that_failed_and_is_not_wanted_any_more_goes() -> None:
    peer = refuse_always(failure := Failure())
    stream_id, head = peer.open_call("/t.T/Fail")
    request = data_frame(stream_id, REQUEST, is_last=True)
    peer.send(head, request, frames.pack_reset(stream_id, frames.CANCEL))
    await settle()
    assert failure.is_gone()


async def test_a_context_still_tells_how_its_call_ended() -> None:
    handler = Handler()
    peer = Peer(handler.answer).greet()
    stream_id, head = peer.open_call(ASYNC, (b"grpc-timeout", b"1H"))
    peer.send(head, data_frame(stream_id, REQUEST, is_last=True))
    await handler.began.wait()
    reset(peer, stream_id)
    await settle()
    (context,) = handler.contexts
    assert context.done()
    assert context.cancelled()
    assert context.time_remaining() == 0
    with pytest.raises(asyncio.CancelledError):
        await context.write(b"too late")


@pytest.mark.parametrize("path", [INLINE, STREAM])
async def test_half_a_request_goes_with_its_call(path: str) -> None:
    peer = Peer().greet()
    stream_id, head = peer.open_call(path)
    peer.send(head, data_frame(stream_id, REQUEST[:-1]))
    (stream,) = map(weakref.ref, peer.connection.table.streams())
    await settle()
    reset(peer, stream_id)
    await settle()
    assert stream() is None


async def test_a_large_answer_comes_whole() -> None:
    peer = Peer(Handler().answer).greet()
    stream_id = peer.call(ASYNC)
    await settle()
    fetch(peer, stream_id)
    await settle()
    parts = [payload for kind, _, _, payload in peer.read() if kind == frames.DATA]
    assert b"".join(parts).startswith(b"\0" + len(ANSWER).to_bytes(4) + ANSWER)
    assert max(map(len, parts)) <= frames.LEAST_MAX_FRAME


async def test_what_was_begun_for_a_call_that_ends_before_its_task_is_closed() -> None:
    begun = []

    async def answer() -> bytes:
        return b""

    def begin(_: bytes, __: Any) -> Any:
        begun.append(answer())
        return begun[-1]

    peer = Peer(begin).greet()
    reset(peer, peer.call(ASYNC))
    assert inspect.getcoroutinestate(begun[0]) == inspect.CORO_CLOSED
