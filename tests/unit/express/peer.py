"""A connection without a socket, driven frame by frame, for what takes time or faults."""

import socket
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import grpc

from server import express
from server.express import frames
from server.express.connection import Connection
from server.express.hpack import pack_literal

REQUEST = b"\x00\x00\x00\x00\x02hi"
INLINE, ASYNC, STREAM = "/t.T/Inline", "/t.T/Async", "/t.T/Stream"


class Wire:
    """Stands in for the socket: keeps what is written, and does what a test says."""

    def __init__(self) -> None:
        self.written = b""
        self.state = {"reading"}
        self.most_kept = 0

    def get_extra_info(self, name: str) -> Any:
        kind = SimpleNamespace(family=socket.AF_INET)
        return kind if name == "socket" else ("127.0.0.1", 4711)

    def set_write_buffer_limits(self, *, high: int) -> None:
        self.most_kept = high

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.state.discard("reading")

    def resume_reading(self) -> None:
        self.state.add("reading")

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.state.add("closed")

    def abort(self) -> None:
        self.state.add("aborted")


class Peer:
    """The other side of a connection."""

    def __init__(
        self,
        answer: Callable[[bytes, Any], Awaitable[bytes]] | None = None,
        **limits: Any,
    ) -> None:
        # All that is sent fits into one turn, however busy the machine is.
        self.server = express.server(limits=express.Limits(**{"turn_seconds": 60.0, **limits}))
        self.server.add_registered_method_handlers(
            "t.T",
            {
                "Inline": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
                "Async": grpc.unary_unary_rpc_method_handler(answer or _echo),
                "Stream": grpc.stream_stream_rpc_method_handler(_echo_all),
            },
        )
        self.wire = Wire()
        self.connection = Connection(self.server, is_encrypted=False)
        self.connection.connection_made(self.wire)  # type: ignore[arg-type] # as good as one
        self._last_id = -1

    def greet(self) -> "Peer":
        self.send(frames.PREFACE, frames.pack_settings({}))
        return self

    def send(self, *pieces: bytes) -> None:
        self.connection.data_received(b"".join(pieces))
        self.connection.take_turn()
        self.connection.flush()

    def open_call(self, path: str = INLINE, *fields: tuple[bytes, bytes]) -> tuple[int, bytes]:
        """Return the id of the next stream, and its HEADERS."""
        self._last_id += 2
        block = b"".join(
            pack_literal(*field)
            for field in (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":path", path.encode()),
                (b"te", b"trailers"),
                (b"content-type", b"application/grpc"),
                *fields,
            )
        )
        return self._last_id, frames.pack_frame(
            frames.HEADERS, frames.END_HEADERS, self._last_id, block
        )

    def call(self, path: str = INLINE) -> int:
        """Make a whole call of one message."""
        stream_id, head = self.open_call(path)
        self.send(head, data_frame(stream_id, REQUEST, is_last=True))
        return stream_id

    def read(self) -> list[tuple[int, int, int, bytes]]:
        """Take what was written apart: kind, flags, stream, payload of each frame."""
        taken, at, data = [], 0, self.wire.written
        while at < len(data):
            high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data, at)
            at += frames.HEADER_BYTES
            size = high << 8 | low
            taken.append((kind, flags, stream_id, data[at : at + size]))
            at += size
        self.wire.written = b""
        return taken

    def goaway(self) -> tuple[int, str]:
        """Return the code and the text of the GOAWAY that was written."""
        (payload,) = [p for kind, _, _, p in self.read() if kind == frames.GOAWAY]
        return frames.NUMBER.unpack_from(payload, 4)[0], payload[8:].decode()


def data_frame(stream_id: int, data: bytes, *, is_last: bool = False) -> bytes:
    """Write DATA."""
    return frames.pack_frame(frames.DATA, frames.END_STREAM if is_last else 0, stream_id, data)


async def _echo(request: bytes, _: Any) -> bytes:
    return request


async def _echo_all(requests: Any, _: Any) -> Any:
    async for request in requests:
        yield request
