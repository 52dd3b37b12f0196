"""Frames that do no work are borne beside work, and only so many without it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from server.express import frames
from tests.unit.express.peer import ASYNC, INLINE, REQUEST, STREAM, Peer, data_frame

PING = frames.pack_frame(frames.PING, 0, 0, bytes(8))
MESSAGES = 200


def beside_a_message(stream_id: int) -> bytes:
    """What gRPC's C and Go clients send for every message that they receive."""
    return frames.pack_window_update(0, 7) + frames.pack_window_update(stream_id, 7) + PING


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)  # a turn of the loop


@pytest.mark.parametrize("path", [INLINE, ASYNC])
async def test_busy_calls_are_no_flood(path: str) -> None:
    peer = Peer(patience=50).greet()
    for _ in range(MESSAGES):
        stream_id = peer.call(path)
        peer.send(beside_a_message(stream_id))
        await settle()
    assert not peer.server.refusals
    assert "closed" not in peer.wire.state


async def test_a_busy_conversation_is_no_flood() -> None:
    peer = Peer(patience=50).greet()
    stream_id, head = peer.open_call(STREAM)
    peer.send(head)
    for _ in range(MESSAGES):
        peer.send(data_frame(stream_id, REQUEST))
        await settle()
        peer.send(beside_a_message(stream_id))
    assert not peer.server.refusals
    answers = [payload for kind, _, _, payload in peer.read() if kind == frames.DATA]
    assert answers == [REQUEST] * MESSAGES
    peer.connection.connection_lost(None)
    await settle()


async def test_data_after_the_end_of_a_request_is_a_flood() -> None:
    peer = Peer(patience=100).greet()
    stream_id, head = peer.open_call(STREAM)
    peer.send(head, data_frame(stream_id, REQUEST, is_last=True))
    peer.send(data_frame(stream_id, REQUEST) * 100)
    assert peer.server.refusals["patience"] == 1


async def test_work_makes_up_for_no_flood() -> None:
    peer = Peer(patience=50).greet()
    for _ in range(10):
        stream_id = peer.call()
        peer.send(beside_a_message(stream_id) * 10)
    assert peer.server.refusals == {"patience": 1}


async def wait_for_ever(_: bytes, __: Any) -> bytes:
    await asyncio.Event().wait()
    return b""


async def reset_calls(peer: Peer, seconds: float, *fields: tuple[bytes, bytes]) -> None:
    """Open calls, and reset each when it has lasted so long."""
    for _ in range(MESSAGES):
        stream_id, head = peer.open_call(ASYNC, *fields)
        peer.send(head, data_frame(stream_id, REQUEST, is_last=True))
        for stream in peer.connection.table.streams():
            stream.deadline -= seconds
        peer.send(frames.pack_reset(stream_id, frames.CANCEL))
        await settle()


@pytest.mark.parametrize(("seconds", "fields"), [(1.0, ()), (0.6, ((b"grpc-timeout", b"1S"),))])
async def test_calls_that_had_their_time_may_be_reset(seconds: float, fields: Any) -> None:
    peer = Peer(wait_for_ever, patience=50).greet()
    await reset_calls(peer, seconds, *fields)
    assert not peer.server.refusals


@pytest.mark.parametrize("fields", [(), ((b"grpc-timeout", b"9S"),), ((b"grpc-timeout", b"1n"),)])
async def test_calls_that_had_no_time_may_not(fields: Any) -> None:
    peer = Peer(wait_for_ever, patience=50).greet()
    for _ in range(MESSAGES):
        stream_id, head = peer.open_call(ASYNC, *fields)
        request = data_frame(stream_id, REQUEST, is_last=True)
        peer.send(head, request, frames.pack_reset(stream_id, frames.CANCEL))
    assert peer.server.refusals == {"patience": 1}


async def test_a_call_that_expires_is_answered() -> None:
    ended = asyncio.Event()

    async def wait(_: bytes, __: Any) -> bytes:
        try:
            return await wait_for_ever(b"", None)
        finally:
            ended.set()

    peer = Peer(wait, patience=50).greet()
    for _ in range(MESSAGES):
        stream_id, head = peer.open_call(ASYNC, (b"grpc-timeout", b"2m"))
        peer.send(head, data_frame(stream_id, REQUEST, is_last=True))
        await ended.wait()
        ended.clear()
        peer.send(frames.pack_reset(stream_id, frames.CANCEL))
    assert not peer.server.refusals


async def refuse_calls(peer: Peer, count: int) -> list[int]:
    """Have calls ended by the server whose requests go on."""
    opened = []
    for _ in range(count):
        stream_id, head = peer.open_call(STREAM)
        peer.send(head, data_frame(stream_id, b"\x09" + bytes(4)))  # no message begins so
        opened.append(stream_id)
    await settle()
    assert not peer.connection.table.entries
    return opened


async def test_what_was_sent_before_the_end_was_known_is_no_flood() -> None:
    peer = Peer(patience=50, streams=400).greet()
    opened = await refuse_calls(peer, 400)
    for stream_id in opened:
        peer.send(data_frame(stream_id, REQUEST) * 10)
    assert not peer.server.refusals


@pytest.mark.parametrize(("data", "borne"), [(b"", 49), (bytes(100), 49 + 49)])
async def test_no_more_than_the_window_may_be_on_its_way(data: bytes, borne: int) -> None:
    peer = Peer(patience=50, stream_window_bytes=5000).greet()
    (stream_id,) = await refuse_calls(peer, 1)
    peer.connection.patience.restore(50)
    for _ in range(borne - 1):
        peer.send(data_frame(stream_id, data))
    assert not peer.server.refusals
    peer.send(data_frame(stream_id, data) * 10)
    assert peer.server.refusals == {"patience": 1}


@pytest.mark.parametrize(
    "end", [lambda id_: data_frame(id_, b"", is_last=True), lambda id_: frames.pack_reset(id_, 8)]
)
async def test_a_refused_call_may_be_ended_once(end: Callable[[int], bytes]) -> None:
    peer = Peer(patience=50).greet()
    for _ in range(MESSAGES):
        stream_id, head = peer.open_call("/t.T/Unknown")
        peer.send(head, data_frame(stream_id, REQUEST), end(stream_id))
    assert not peer.server.refusals
    peer.send(end(stream_id) * 60)
    assert peer.server.refusals == {"patience": 1}
