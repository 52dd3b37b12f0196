"""Frames that do no work are borne beside work, and only so many without it."""

import asyncio

import pytest

from server.express import frames
from tests.unit.express.peer import ASYNC, INLINE, REQUEST, STREAM, Peer, data_frame

PING = frames.pack_frame(frames.PING, 0, 0, bytes(8))
MESSAGES = 500


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


async def test_work_makes_up_for_no_flood() -> None:
    peer = Peer(patience=50).greet()
    for _ in range(10):
        stream_id = peer.call()
        peer.send(beside_a_message(stream_id) * 10)
    assert peer.server.refusals == {"patience": 1}
