"""Large frames and messages in pieces: done when they are whole, and bounded."""

import struct

import pytest

from server.express import frames
from server.express.connection import Connection
from server.express.messages import MessageReader, MessageRefused
from tests.unit.express.peer import ASYNC, INLINE, REQUEST, Peer, data_frame

FRAME = 128 << 10
BODY = bytes(range(256)) * 400
MESSAGE = struct.pack(">BI", 0, len(BODY)) + BODY


def open_with_half_a_frame(peer: Peer) -> tuple[int, bytes]:
    """Return the stream, and the rest of the frame."""
    stream_id, head = peer.open_call(INLINE)
    frame = data_frame(stream_id, MESSAGE, is_last=True)
    peer.send(head, frame[:20_000])
    return stream_id, frame[20_000:]


async def test_peers_are_told_what_frames_may_have() -> None:
    settings = [payload for kind, *_, payload in Peer().read() if kind == frames.SETTINGS]
    assert (frames.MAX_FRAME_SIZE, FRAME) in frames.SETTING.iter_unpack(settings[0])


@pytest.mark.parametrize("size", [1000, 30_000, 70_000])
async def test_a_large_frame_in_pieces_is_answered(size: int) -> None:
    peer = Peer().greet()
    settings = {frames.MAX_FRAME_SIZE: FRAME, frames.INITIAL_WINDOW_SIZE: FRAME}
    peer.send(frames.pack_settings(settings), frames.pack_window_update(0, FRAME))
    _, rest = open_with_half_a_frame(peer)
    for at in range(0, len(rest), size):
        assert not [kind for kind, *_ in peer.read() if kind == frames.DATA]
        peer.connection.data_received(rest[at : at + size])
        assert "reading" in peer.wire.state or at + size >= len(rest)
    peer.send()
    answer = [payload for kind, _, _, payload in peer.read() if kind == frames.DATA]
    assert b"".join(answer) == MESSAGE
    peer.call()
    assert [payload for kind, _, _, payload in peer.read() if kind == frames.DATA] == [REQUEST]


async def test_a_frame_that_is_not_whole_asks_for_no_turn() -> None:
    peer = Peer().greet()
    _, rest = open_with_half_a_frame(peer)
    asked: list[Connection] = []
    before = peer.connection.heard_at
    peer.server.turns.ask = asked.append  # type: ignore[method-assign, assignment] # to see who asks
    peer.connection.data_received(rest[:-1])
    assert not asked
    assert peer.connection.has_partial_frame
    assert peer.connection.heard_at > before
    peer.connection.data_received(rest[-1:])
    assert asked == [peer.connection]


async def test_large_frames_that_have_begun_are_accounted_for() -> None:
    peer = Peer(connection_held_bytes=100_000).greet()
    open_with_half_a_frame(peer)
    assert peer.goaway() == (frames.ENHANCE_YOUR_CALM, "held")

    peer = Peer(held_bytes=150_000).greet()
    open_with_half_a_frame(peer)
    assert not peer.server.hold(100_000)
    peer.server.hold(-100_000)
    peer.connection.connection_lost(None)
    assert peer.server.hold(150_000)


@pytest.mark.parametrize("kind", [frames.HEADERS, frames.CONTINUATION])
async def test_headers_are_no_larger_than_their_own_bound(kind: int) -> None:
    peer = Peer(header_bytes=1000).greet()
    peer.send(frames.pack_frame(kind, frames.END_HEADERS, 1, bytes(16_385)))
    assert peer.goaway() == (frames.ENHANCE_YOUR_CALM, "header-list")


async def test_settings_are_small() -> None:
    peer = Peer().greet()
    peer.send(frames.pack_frame(frames.SETTINGS, 0, 0, bytes(16_386)))
    assert peer.goaway() == (frames.FRAME_SIZE_ERROR, "frame-size")


async def test_a_frame_beyond_the_bound_is_refused_by_its_head() -> None:
    peer = Peer().greet()
    stream_id, head = peer.open_call(ASYNC)
    peer.send(head, data_frame(stream_id, bytes(FRAME + 1))[:100])
    assert peer.goaway() == (frames.FRAME_SIZE_ERROR, "frame-size")


@pytest.mark.parametrize("size", [1, 3, 5, 6, 4096, 50_000, 200_000])
def test_messages_come_out_whole_however_they_are_cut(size: int) -> None:
    reader = MessageReader("identity", len(BODY))
    sent = MESSAGE + struct.pack(">BI", 0, 0) + MESSAGE + MESSAGE[:-1]
    found = []
    for at in range(0, len(sent), size):
        found += reader.feed(sent[at : at + size])
    assert found == [BODY, b"", BODY]
    assert reader.held_bytes == len(MESSAGE) - 1
    assert reader.feed(MESSAGE[-1:]) == [BODY]
    assert reader.held_bytes == 0


def test_tiny_pieces_are_put_together() -> None:
    reader = MessageReader("identity", len(BODY))
    for at in range(0, len(MESSAGE) - 2, 2):
        reader.feed(MESSAGE[at : at + 2])
    assert len(reader._pieces) <= len(BODY) / 4096 + 1


def test_a_message_is_refused_by_its_length() -> None:
    reader = MessageReader("identity", len(BODY) - 1)
    assert reader.feed(MESSAGE[:4]) == []
    with pytest.raises(MessageRefused):
        reader.feed(MESSAGE[4:5])
