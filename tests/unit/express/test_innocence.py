"""What one client of a proxy does must not end the calls of others on the same connection."""

import pytest

from server import express
from server.express import frames
from server.express.hpack import pack_literal
from tests.unit.express.peer import ASYNC, INLINE, REQUEST, Peer, data_frame

LIMITS = express.Limits()
UNKNOWN = "/t.T/Unknown"
CALLS = 200


def end_frame(stream_id: int) -> bytes:
    return data_frame(stream_id, b"", is_last=True)


def large_call(peer: Peer, size: int) -> tuple[int, bytes]:
    """Return a call with so much metadata, in as many frames as it takes."""
    stream_id, head = peer.open_call(INLINE)
    block = head[frames.HEADER_BYTES :] + pack_literal(b"x-large", b"v" * size)
    most = frames.LEAST_MAX_FRAME
    pieces = [block[at : at + most] for at in range(0, len(block), most)]
    sent = frames.pack_frame(frames.HEADERS, 0, stream_id, pieces[0])
    for piece in pieces[1:-1]:
        sent += frames.pack_frame(frames.CONTINUATION, 0, stream_id, piece)
    last = frames.pack_frame(frames.CONTINUATION, frames.END_HEADERS, stream_id, pieces[-1])
    return stream_id, sent + last


def is_open(peer: Peer) -> bool:
    """Whether others are still answered."""
    peer.read()
    peer.call()
    answered = any(payload == REQUEST for *_, payload in peer.read())
    return answered and not peer.wire.state & {"closed", "aborted"}


async def test_messages_on_their_way_to_a_call_that_ended_are_no_flood() -> None:
    peer = Peer(patience=50).greet()
    stream_id, head = peer.open_call(ASYNC)
    peer.send(head, data_frame(stream_id, REQUEST * 2))  # one message too many
    assert not peer.connection.table.entries
    peer.send(data_frame(stream_id, REQUEST) * 1000, end_frame(stream_id))
    assert is_open(peer)
    assert not peer.server.refusals


async def test_more_than_the_window_is_a_flood() -> None:
    peer = Peer(patience=50, stream_window_bytes=1000).greet()
    stream_id, head = peer.open_call(UNKNOWN)
    peer.send(head, data_frame(stream_id, bytes(10)) * 100)
    assert "closed" not in peer.wire.state
    peer.send(data_frame(stream_id, bytes(10)) * 50)
    assert peer.server.refusals == {"patience": 1}


@pytest.mark.parametrize("after", ["empty", "end", "reset"])
async def test_a_call_that_ended_excuses_each_end_once(after: str) -> None:
    peer = Peer(patience=50).greet()
    stream_id, head = peer.open_call(UNKNOWN)
    frame = {
        "empty": data_frame(stream_id, b""),
        "end": end_frame(stream_id),
        "reset": frames.pack_reset(stream_id, frames.CANCEL),
    }[after]
    peer.send(head, frame * 52)
    assert peer.server.refusals == {"patience": 1}


@pytest.mark.parametrize("resets", [False, True])
async def test_calls_that_are_refused_are_no_flood(resets: bool) -> None:  # noqa: FBT001 - pytest gives it
    peer = Peer(patience=50).greet()
    for _ in range(CALLS):
        stream_id, head = peer.open_call(UNKNOWN)
        peer.send(head)
        last = frames.pack_reset(stream_id, frames.CANCEL) if resets else end_frame(stream_id)
        peer.send(data_frame(stream_id, REQUEST), last)
    assert is_open(peer)
    assert not peer.server.refusals


@pytest.mark.parametrize("size", [17_000, 40_000, 64_000])
async def test_large_metadata_ends_its_call_alone(size: int) -> None:
    peer = Peer().greet()
    for _ in range(10):
        stream_id, head = large_call(peer, size)
        peer.send(head, data_frame(stream_id, REQUEST, is_last=True))
    assert sum(b"metadata is larger" in payload for *_, payload in peer.read()) == 10
    assert is_open(peer)


async def test_large_metadata_costs_as_much_as_it_takes_to_read() -> None:
    peer = Peer(patience=100).greet()
    for _ in range(3):
        peer.send(large_call(peer, 40_000)[1])
    assert peer.server.refusals == {"patience": 1}


async def test_metadata_without_measure_ends_the_connection() -> None:
    peer = Peer().greet()
    _, head = large_call(peer, 9 * LIMITS.header_bytes)
    peer.send(head)
    assert peer.goaway() == (frames.ENHANCE_YOUR_CALM, "continuation")


async def test_a_short_block_of_a_large_list_is_work_for_nothing() -> None:
    peer = Peer(patience=500).greet()
    stream_id, head = peer.open_call(INLINE)
    field = b"\x40" + pack_literal(b"x", b"v" * 3800)[1:]  # into the table
    block = head[frames.HEADER_BYTES :]
    flags = frames.END_HEADERS | frames.END_STREAM
    peer.send(frames.pack_frame(frames.HEADERS, flags, stream_id, block + field))
    for number in range(20):
        named = block + b"\xbe" * 30
        peer.send(frames.pack_frame(frames.HEADERS, flags, stream_id + 2 + 2 * number, named))
    assert peer.server.refusals == {"patience": 1}
