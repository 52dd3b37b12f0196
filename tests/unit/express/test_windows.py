"""What a peer may send ahead: as much as the windows take, however small its messages are."""

import asyncio
from typing import Any

import grpc
import pytest

from server.express import frames
from tests.unit.express.peer import Peer, data_frame

WINDOW_BYTES = 5000


class Reader:
    """Reads when it is told to."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.count = 0

    async def answer(self, requests: Any, _: Any) -> bytes:
        await self.may_read.wait()
        async for _request in requests:
            self.count += 1
        return b""


def widened(peer: Peer, stream_id: int) -> int:
    """Take what was written; tell by how much the stream's window was widened."""
    updates = [
        p for kind, _, id_, p in peer.read() if (kind, id_) == (frames.WINDOW_UPDATE, stream_id)
    ]
    return sum(frames.NUMBER.unpack(payload)[0] for payload in updates)


@pytest.mark.parametrize("size", [0, 1, 95])
async def test_messages_that_nobody_reads_use_up_the_window(size: int) -> None:
    reader = Reader()
    peer = Peer(stream_window_bytes=WINDOW_BYTES).greet()
    handler: Any = grpc.stream_unary_rpc_method_handler(reader.answer)
    peer.server.add_registered_method_handlers("t.T", {"Read": handler})
    stream_id, head = peer.open_call("/t.T/Read")
    message = b"\0" + size.to_bytes(4) + bytes(size)
    count = WINDOW_BYTES // len(message)
    peer.send(head, data_frame(stream_id, message) * count)
    assert widened(peer, stream_id) == 0
    reader.may_read.set()
    for _ in range(10):
        await asyncio.sleep(0)  # a turn of the loop
    assert reader.count == count
    assert widened(peer, stream_id) > WINDOW_BYTES // 2
    peer.connection.connection_lost(None)
