"""What a connection sends: frames in order, within the peer's windows, one write a burst."""

import asyncio
import struct
from typing import TYPE_CHECKING

import grpc

from server.express.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FIRST_WINDOW,
    FLOW_CONTROL_ERROR,
    HEADER_TABLE_SIZE,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    LARGEST_MAX_FRAME,
    LARGEST_WINDOW,
    LEAST_MAX_FRAME,
    MAX_FRAME_SIZE,
    PROTOCOL_ERROR,
    ConnectionFault,
    StreamFault,
    pack_frame,
    pack_header,
    pack_window_update,
)
from server.express.messages import PREFIX_BYTES
from server.express.metadata import Metadata
from server.express.responses import ResponseBlocks

if TYPE_CHECKING:
    from server.express.connection import Connection
    from server.express.stream import Stream

_HEAD = ResponseBlocks.HEAD
_TAIL = ResponseBlocks.TAIL
_FLUSH_BYTES = 1 << 16
# All that is before the message of an ordinary answer: HEADERS, the head of DATA, the prefix.
_pack_before = struct.Struct(f">HBBBI{len(_HEAD)}sHBBBIBI").pack
_HEADERS_HEAD = (0, len(_HEAD), HEADERS, END_HEADERS)
# And what is behind it: the trailers.
_pack_after = struct.Struct(f">HBBBI{len(_TAIL)}s").pack
_TRAILERS_HEAD = (0, len(_TAIL), HEADERS, END_HEADERS | END_STREAM)


class Outbox:
    """Collects what is sent until `flush`.

    Attributes:
        pieces: What goes out with the next flush.
        window: How much the peer takes on the connection.
        first_window: How much it takes on a new stream.
        blocked: Streams that wait for windows, by id, the one whose turn it is first.
        is_paused: Whether the socket takes no more.
        resumed: Is set while it does.
        pieces_bytes: How much goes out with the next flush.
        moved_at: When the windows last took anything of what waited for them.
    """

    __slots__ = (
        "_blocks",
        "_connection",
        "_max_frame",
        "_paused_at",
        "blocked",
        "first_window",
        "is_paused",
        "moved_at",
        "pieces",
        "pieces_bytes",
        "resumed",
        "window",
    )

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._blocks = ResponseBlocks()
        self.pieces: list[bytes | memoryview] = []
        self.window = FIRST_WINDOW
        self.first_window = FIRST_WINDOW
        self._max_frame = LEAST_MAX_FRAME
        self.blocked: dict[int, Stream] = {}
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.is_paused = False
        self.pieces_bytes = 0
        self._paused_at = self.moved_at = 0.0

    def add(self, frame: bytes, payload: bytes | memoryview = b"") -> None:
        """Send a frame with the next flush; a large payload is not copied, but written."""
        self.pieces.append(frame)
        if len(payload) >= _FLUSH_BYTES:
            self._connection.flush()
            self._connection.write(payload)
        else:
            self.pieces.append(payload)
            self._grow(len(frame) + len(payload))
        self._connection.want_flush()

    def _grow(self, size: int) -> None:
        """Have what is collected written before it is much: the socket may say stop."""
        self.pieces_bytes += size
        if self.pieces_bytes > _FLUSH_BYTES:
            self._connection.flush()

    def take(self) -> bytes:
        """Take all that is to be written now."""
        data = b"".join(self.pieces)
        self.pieces.clear()
        self.pieces_bytes = 0
        return data

    def send_answer(self, stream_id: int, body: bytes) -> bool:
        """Send a whole ordinary answer in one piece, if it fits; the way of nearly all.

        Returns:
            Whether it was sent; if not, nothing was.
        """
        size = len(body) + PREFIX_BYTES
        if (
            size > self.window
            or size > self.first_window
            or size > self._max_frame
            or self.blocked
            or self.is_paused
            or not self._blocks.is_settled
        ):
            return False
        self.window -= size
        high, low, length = size >> 8, size & 0xFF, size - PREFIX_BYTES
        self.pieces += (
            _pack_before(
                *_HEADERS_HEAD, stream_id, _HEAD, high, low, DATA, 0, stream_id, 0, length
            ),
            body,
            _pack_after(*_TRAILERS_HEAD, stream_id, _TAIL),
        )
        self._grow(size)
        return True

    def send_head(self, stream_id: int, metadata: Metadata = (), encoding: str = "") -> None:
        """Send the headers of an answer."""
        self._add_block(stream_id, 0, self._blocks.make_head(metadata, encoding))

    def send_only(self, stream_id: int, code: grpc.StatusCode, details: str) -> None:
        """Send an answer that is nothing but a status."""
        self._add_block(stream_id, END_STREAM, self._blocks.make_only(code, details))

    def send_http(self, stream_id: int, http_status: int, details: str) -> None:
        """Answer a request that is HTTP, but no gRPC."""
        self._add_block(stream_id, END_STREAM, self._blocks.make_http(http_status, details))

    def open_window(self, stream_id: int, size: int) -> None:
        """Let the peer send more; stream 0 is the connection."""
        self.add(pack_window_update(stream_id, size))

    def pump(self, stream: "Stream") -> None:
        """Send as much of a stream as the windows take, and its end if that is all."""
        unsent = stream.unsent
        moved = False
        while unsent and not self.is_paused:
            data = unsent[0]
            size = min(len(data), self.window, stream.send_window, self._max_frame)
            if size <= 0:
                break
            self.window -= size
            stream.send_window -= size
            self.add(pack_header(size, DATA, 0, stream.id), data[:size])
            self._connection.patience.earned += 1
            moved = True
            if size == len(data):
                unsent.popleft()
            else:
                unsent[0] = data[size:]
        if unsent:
            self.blocked[stream.id] = stream
        else:
            self.blocked.pop(stream.id, None)
        if moved:
            stream.note_sent()
            self.moved_at = stream.moved_at
        if stream.closing and not unsent:
            self._send_tail(stream)

    def pump_blocked(self) -> None:
        """Send of every stream that waits what the windows take now, each in its turn."""
        for stream_id in list(self.blocked):
            if self.window <= 0 or self.is_paused:
                return
            # Popped first, so that one that goes on waiting goes to the end of the queue.
            self.pump(self.blocked.pop(stream_id))

    def take_settings(self, settings: list[tuple[int, int]], streams: "list[Stream]") -> None:
        """Take what the peer says of itself.

        Raises:
            ConnectionFault: A value is not allowed.
        """
        for key, value in settings:
            if key == HEADER_TABLE_SIZE:
                self._blocks.resize_table(value)
            elif key == MAX_FRAME_SIZE:
                if not LEAST_MAX_FRAME <= value <= LARGEST_MAX_FRAME:
                    raise ConnectionFault(PROTOCOL_ERROR, "settings")
                self._max_frame = value
            elif key == INITIAL_WINDOW_SIZE:
                self._take_first_window(value, streams)

    def _take_first_window(self, size: int, streams: "list[Stream]") -> None:
        if size > LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "settings")
        change, self.first_window = size - self.first_window, size
        for stream in streams:
            stream.send_window += change
            if stream.send_window > LARGEST_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "window")

    def widen(self, stream: "Stream | None", size: int) -> None:
        """Take a WINDOW_UPDATE; without a stream it is the connection's.

        Raises:
            ConnectionFault, StreamFault: The window would be larger than allowed.
        """
        if stream is None:
            self.window += size
            if self.window > LARGEST_WINDOW:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "window")
            self.pump_blocked()
            return
        stream.send_window += size
        if stream.send_window > LARGEST_WINDOW:
            raise StreamFault(FLOW_CONTROL_ERROR, "window")
        if stream.unsent:
            self.pump(stream)

    def pause(self, now: float) -> None:
        """Take note that the socket takes no more."""
        self._paused_at = now
        self.is_paused = True
        self.resumed.clear()

    def resume(self) -> None:
        """Go on, now that the socket takes more."""
        self.is_paused = False
        self.resumed.set()
        self.pump_blocked()

    def is_paused_since(self, then: float) -> bool:
        """Tell whether the socket has taken nothing since that time of the monotonic clock."""
        return self.is_paused and self._paused_at <= then

    def forget(self, stream_id: int) -> None:
        """Send nothing more of a stream."""
        self.blocked.pop(stream_id, None)

    def _send_tail(self, stream: "Stream") -> None:
        context = stream.context
        stream.closing = False
        code = context.status_code
        assert code is not None
        if stream.is_head_sent:
            block = self._blocks.make_tail(code, context.status_details, context.trailing)
        else:
            metadata = (*context.initial, *context.trailing)
            block = self._blocks.make_only(code, context.status_details, metadata)
        self._add_block(stream.id, END_STREAM, block)
        self._connection.table.forget(stream)

    def _add_block(self, stream_id: int, flags: int, block: bytes) -> None:
        """Send a header block, in as many frames as it takes."""
        most = self._max_frame
        pieces = [block[at : at + most] for at in range(0, len(block), most)]
        for index, piece in enumerate(pieces):
            kind = CONTINUATION if index else HEADERS
            last = END_HEADERS if index == len(pieces) - 1 else 0
            self.add(pack_frame(kind, last | (0 if index else flags), stream_id, piece))
