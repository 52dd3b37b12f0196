"""What time does to a connection: nobody waits for a peer for ever."""

import asyncio
import time
from typing import Any

import pytest

from server import express
from server.express import frames
from server.express.watch import inspect
from tests.unit.express.peer import ASYNC, REQUEST, STREAM, Peer, data_frame

LIMITS = express.Limits()


def pass_time(peer: Peer, seconds: float) -> None:
    inspect(peer.connection, time.monotonic() + seconds)


def age_streams(peer: Peer, seconds: float) -> None:
    for stream in peer.connection.table.streams():
        stream.moved_at -= seconds


async def test_a_peer_that_never_greets_is_told_to_go() -> None:
    peer = Peer()
    peer.send(frames.PREFACE[:10])
    peer.send(frames.PREFACE[10:])
    pass_time(peer, LIMITS.handshake_seconds - 1)
    assert "closed" not in peer.wire.state
    pass_time(peer, LIMITS.handshake_seconds + 1)
    assert "closed" in peer.wire.state
    assert peer.goaway() == (frames.SETTINGS_TIMEOUT, "handshake")


async def test_half_a_frame_is_not_waited_for() -> None:
    peer = Peer().greet()
    peer.send(data_frame(1, b"x" * 100)[:50])
    pass_time(peer, LIMITS.request_seconds + 1)
    assert "aborted" in peer.wire.state
    assert peer.server.refusals["half-sent"] == 1


async def test_half_a_request_is_not_waited_for() -> None:
    peer = Peer().greet()
    stream_id, head = peer.open_call(ASYNC)
    peer.send(head, data_frame(stream_id, REQUEST[:-1]))
    pass_time(peer, 0)
    assert peer.connection.table.streams()
    age_streams(peer, LIMITS.request_seconds + 1)
    pass_time(peer, 0)
    assert not peer.connection.table.entries
    await asyncio.sleep(0)  # for the flush that is on its way
    assert any(b"grpc-message" in payload for *_, payload in peer.read())


async def test_a_stream_of_requests_may_be_silent() -> None:
    peer = Peer().greet()
    _, head = peer.open_call(STREAM)
    peer.send(head)
    age_streams(peer, LIMITS.request_seconds + 1)
    pass_time(peer, 0)
    assert peer.connection.table.streams()
    peer.connection.connection_lost(None)


async def test_an_answer_that_is_not_fetched_is_dropped() -> None:
    peer = Peer().greet()
    peer.send(frames.pack_settings({frames.INITIAL_WINDOW_SIZE: 0}))
    peer.call()
    (stream,) = peer.connection.table.streams()
    assert stream.unsent
    age_streams(peer, LIMITS.stall_seconds + 1)
    pass_time(peer, 0)
    assert not peer.connection.table.entries
    assert peer.server.open_calls == 0
    assert peer.server.refusals["stall"] == 1


async def test_a_peer_that_reads_nothing_is_left() -> None:
    peer = Peer().greet()
    peer.connection.pause_writing()
    assert "reading" not in peer.wire.state
    pass_time(peer, LIMITS.stall_seconds - 1)
    assert "aborted" not in peer.wire.state
    pass_time(peer, LIMITS.stall_seconds + 1)
    assert "aborted" in peer.wire.state


async def test_a_silent_peer_is_asked_for_a_sign_of_life() -> None:
    peer = Peer().greet()
    _, head = peer.open_call(STREAM)
    peer.send(head)
    peer.read()
    pass_time(peer, LIMITS.keepalive_seconds + 1)
    await asyncio.sleep(0)  # for the flush that is on its way
    assert [kind for kind, *_ in peer.read()] == [frames.PING]
    pass_time(peer, LIMITS.keepalive_seconds + LIMITS.keepalive_timeout_seconds + 1)
    assert "aborted" in peer.wire.state
    peer.connection.connection_lost(None)


async def test_an_idle_connection_is_told_to_go() -> None:
    peer = Peer(idle_seconds=30).greet()
    peer.call()
    peer.read()
    pass_time(peer, 31)
    assert peer.goaway() == (frames.NO_ERROR, "idle")


async def test_patience_comes_back_with_time() -> None:
    peer = Peer(patience=20, patience_per_second=10).greet()
    ping = frames.pack_frame(frames.PING, 0, 0, b"\0" * 8)
    for _ in range(3):
        peer.send(ping * 10)
        pass_time(peer, 1)
    assert "closed" not in peer.wire.state
    peer.send(ping * 21)
    assert "closed" in peer.wire.state
    assert peer.server.refusals == {"patience": 1}


async def test_a_connection_gives_others_their_turn() -> None:
    peer = Peer(turn_seconds=0).greet()
    heads = [peer.open_call() for _ in range(40)]
    calls = b"".join(head + data_frame(id_, REQUEST, is_last=True) for id_, head in heads)
    peer.send(calls)
    assert "reading" not in peer.wire.state
    answered = len(peer.read())
    for _ in range(40):
        await asyncio.sleep(0)  # one turn of the loop; a turn of the connection needs one
    assert "reading" in peer.wire.state
    assert 0 < answered < len(peer.read())


async def test_a_turn_begins_few_tasks() -> None:
    peer = Peer(turn_tasks=2).greet()
    calls = b"".join(
        head + data_frame(id_, REQUEST, is_last=True)
        for id_, head in (peer.open_call(ASYNC) for _ in range(5))
    )
    peer.send(calls)
    assert len(peer.connection.table.streams()) == 2
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop
    assert len([kind for kind, *_ in peer.read() if kind == frames.DATA]) == 5


async def test_the_calls_of_a_lost_connection_end_in_portions() -> None:
    peer = Peer(turn_tasks=100).greet()
    for _ in range(10):
        _, head = peer.open_call(STREAM)
        peer.send(head)
    connection = peer.connection
    peer.server.take_connection(connection)
    connection.connection_lost(None)
    left = len(connection.table.entries)
    assert 0 < left < 10
    assert connection in peer.server.connections
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop
    assert not connection.table.entries
    assert connection not in peer.server.connections
    assert peer.server.open_calls == 0


async def test_a_fault_of_ours_costs_one_connection() -> None:
    broken, other = Peer().greet(), Peer().greet()
    other.connection.server = broken.server  # they share its turns

    broken.connection.blocks = None  # type: ignore[assignment] # what a fault is
    stream_id, head = broken.open_call()
    call = head + data_frame(stream_id, REQUEST, is_last=True)
    for peer in (broken, other):
        peer.read()
        peer.connection.data_received(call)
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop
    assert "aborted" in broken.wire.state
    assert broken.server.refusals["fault"] == 1
    assert any(kind == frames.DATA for kind, *_ in other.read())


@pytest.mark.parametrize("grace", [None, 0.0])
async def test_calls_that_outlast_the_grace_are_ended(grace: float | None) -> None:
    began = asyncio.Event()
    cancelled = asyncio.Event()

    async def hang(_: bytes, __: Any) -> bytes:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return b""

    peer = Peer(hang).greet()
    peer.call(ASYNC)
    await began.wait()
    stopping = asyncio.create_task(peer.server.stop(grace))
    await cancelled.wait()
    peer.connection.connection_lost(None)
    await stopping
    assert "closed" in peer.wire.state
    assert any(b"the server is stopping" in payload for *_, payload in peer.read())


async def test_answers_that_are_still_being_fetched_have_the_grace() -> None:
    peer = Peer().greet()
    stream_id, head = peer.open_call(STREAM)
    peer.send(head)
    stopping = asyncio.create_task(peer.server.stop(60))
    await asyncio.sleep(0)  # for the server to begin to stop
    assert peer.wire.most_kept == 0  # so the socket says when it has taken all
    peer.send(data_frame(stream_id, REQUEST))
    await asyncio.sleep(0)  # for the answer
    peer.connection.pause_writing()
    peer.send(frames.pack_reset(stream_id, frames.CANCEL))
    assert not peer.connection.table.entries
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop
    assert "closed" not in peer.wire.state
    peer.connection.resume_writing()
    for _ in range(10):
        await asyncio.sleep(0)
    assert "closed" in peer.wire.state
    peer.connection.connection_lost(None)
    await stopping


async def test_answers_that_wait_for_others_of_their_connection_are_kept() -> None:
    async def answer(_: bytes, __: Any) -> bytes:
        return bytes(100_000)  # more than the connection takes

    peer = Peer(answer).greet()
    peer.send(frames.pack_settings({frames.INITIAL_WINDOW_SIZE: 1 << 20}))
    for _ in range(2):
        peer.call(ASYNC)
    await asyncio.sleep(0)  # for the handlers
    age_streams(peer, LIMITS.stall_seconds + 1)
    peer.send(frames.pack_window_update(0, 1000))  # the first takes it all
    pass_time(peer, 0)
    assert len(peer.connection.table.streams()) == 2
    age_streams(peer, LIMITS.stall_seconds + 1)
    peer.connection.outbox.moved_at -= LIMITS.stall_seconds + 1
    pass_time(peer, 0)
    assert not peer.connection.table.entries
