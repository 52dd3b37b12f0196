"""One connection: bytes in, frames taken apart, calls answered or begun.

The way of nearly every call is `_take_frames`: its HEADERS are found by their bytes among
those decoded before, its DATA holds the one whole message of a method that answers at once,
and the answer joins those of the same burst. Everything else leaves that way early.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from server.express import control, inline
from server.express.closing import Closing
from server.express.context import Context
from server.express.dispatch import take_frame
from server.express.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    HEADER,
    HEADER_BYTES,
    HEADERS,
    LEAST_MAX_FRAME,
    STREAM_ID_MASK,
    ConnectionFault,
)
from server.express.header_blocks import HeaderBlocks
from server.express.heads import RequestHead
from server.express.messages import PREFIX, PREFIX_BYTES
from server.express.outbox import Outbox
from server.express.patience import Patience
from server.express.reading import Reading
from server.express.stream import Stream
from server.express.table import StreamTable

if TYPE_CHECKING:
    from server.express.server import ExpressServer

_unpack_header = HEADER.unpack_from
_unpack_prefix = PREFIX.unpack_from
_WRITE_BUFFER_BYTES = 1 << 20
_CALLS_BETWEEN_CLOCKS = 15


class Connection(asyncio.Protocol):
    """Speaks HTTP/2 and gRPC with one peer.

    Args:
        server: Whose it is.
        is_encrypted: Whether TLS is below.

    Attributes:
        peer: The peer's address, as gRPC writes it.
        outbox: What is sent.
        table: The open calls.
        blocks: The peer's header blocks.
        patience: How much is borne of the peer.
        greeting: How far the beginning has come.
        closing: How the connection ends.
        reading: Whether it is read.
        unacknowledged_bytes: What came and is not given back to the peer's window yet.
        heard_at: When anything came, in seconds of the loop's clock.
    """

    transport: asyncio.Transport

    def __init__(self, server: "ExpressServer", *, is_encrypted: bool) -> None:
        self.server = server
        self.limits = server.limits
        self.routes = server.routes
        self.loop = asyncio.get_running_loop()
        self.is_encrypted = is_encrypted
        self.peer = ""
        self.outbox = Outbox(self)
        self.table = StreamTable(self)
        self.blocks = HeaderBlocks(server.routes, self.limits.header_bytes)
        self.patience = Patience(self.limits)
        self.greeting = control.Greeting()
        self.closing = Closing(self)
        self.heard_at = self.begun_at = self.quiet_at = self.loop.time()
        self._buffer = b""
        self._begun: list[int] = []
        self.unacknowledged_bytes = 0
        self._held_bytes = 0
        self._in_burst = False
        self._flush_wanted = False
        self.reading = Reading(self)

    # What the transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the peer."""
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's is a like one
        self.peer = control.name_peer(transport)
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        transport.write(control.greet(self.limits))
        if not self.server.take_connection(self):
            self.closing.refuse(ConnectionFault(ENHANCE_YOUR_CALM, "connections"))

    def data_received(self, data: bytes) -> None:
        """Take what came; answer what can be answered; write once."""
        if self.closing.is_closed:
            return
        self.heard_at = self.loop.time()
        buffer = self._buffer + data if self._buffer else data
        self._in_burst = True
        try:
            start = self.greeting.read(buffer)
            stop = 0 if start is None else self._take_frames(buffer, start)
            self._buffer = buffer[stop:]
            self._end_burst()
        except ConnectionFault as fault:
            self.closing.refuse(fault)
        finally:
            self._in_burst = False
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - given by asyncio
        """End every call that is open."""
        self.closing.end()
        self.outbox.resumed.set()
        self.table.drop_all()
        self.server.lose_connection(self)

    def pause_writing(self) -> None:
        """Read no more while the peer reads nothing: what it asks for would pile up."""
        self.outbox.pause(self.loop.time())
        self.reading.pause("peer")

    def resume_writing(self) -> None:
        """Go on."""
        self.outbox.resume()
        self.reading.resume("peer")

    # Frames.

    def _take_frames(self, buffer: bytes, position: int) -> int:  # noqa: C901 - calls cost
        """Take whole frames apart, and return where the first that is not whole begins."""
        table, blocks = self.table, self.blocks
        entries = table.entries
        end, answered = len(buffer), 0
        while end - position >= HEADER_BYTES:
            high, low, kind, flags, stream_id = _unpack_header(buffer, position)
            size = high << 8 | low
            if size > LEAST_MAX_FRAME:
                raise ConnectionFault(FRAME_SIZE_ERROR, "frame-size")
            start = position + HEADER_BYTES
            stop = start + size
            if stop > end:
                break
            position = stop
            if kind == DATA and flags == END_STREAM and size >= PREFIX_BYTES:
                head = entries.get(stream_id)
                if isinstance(head, RequestHead) and not blocks.open_stream:
                    packed, length = _unpack_prefix(buffer, start)
                    if length == size - PREFIX_BYTES and not packed:
                        del entries[stream_id]
                        self.unacknowledged_bytes += size
                        inline.answer(self, stream_id, head, buffer[start + PREFIX_BYTES : stop])
                        answered += 1
                        if not answered & _CALLS_BETWEEN_CLOCKS and self._is_turn_over():
                            break
                        continue
            elif kind == HEADERS and flags == END_HEADERS and not blocks.open_stream:
                head = blocks.known.get(buffer[start:stop])
                if head is not None and head.is_quick and self._may_begin(stream_id):
                    table.last_id = stream_id
                    self.await_message(stream_id, head)
                    continue
            take_frame(self, kind, flags, stream_id & STREAM_ID_MASK, buffer[start:stop])
            if self._is_turn_over():
                break
        self.patience.earned += answered
        return position

    def _may_begin(self, stream_id: int) -> bool:
        """Tell whether there is nothing to be said against a new stream of that id."""
        table = self.table
        return (
            table.last_id < stream_id <= STREAM_ID_MASK
            and stream_id & 1 == 1
            and len(table.entries) < self.limits.streams
            and self.greeting.is_over
            and not self.closing.is_draining
        )

    def await_message(self, stream_id: int, head: RequestHead) -> None:
        """Keep the head of a call that is answered at once, until its message has come."""
        self.table.entries[stream_id] = head
        self._begun.append(stream_id)

    def _is_turn_over(self) -> bool:
        """Tell whether others should have their turn; if so, come back after theirs."""
        if self.loop.time() - self.heard_at < self.limits.turn_seconds:
            return False
        self.reading.pause("turn")
        self.loop.call_soon(self._take_next_turn)
        return True

    def _take_next_turn(self) -> None:
        self.reading.resume("turn")
        self.data_received(b"")

    def _end_burst(self) -> None:
        """Do what is done once for all the frames of a burst."""
        for stream_id in self._begun:
            self.table.find(stream_id)  # a head whose message did not come becomes a stream
        self._begun.clear()
        if self.unacknowledged_bytes > self.limits.connection_window_bytes // 2:
            if self.unacknowledged_bytes > self.limits.connection_window_bytes:
                raise ConnectionFault(FLOW_CONTROL_ERROR, "connection-window")
            self.outbox.open_window(0, self.unacknowledged_bytes)
            self.unacknowledged_bytes = 0

    def make_stream(self, stream_id: int, head: RequestHead) -> Stream:
        """Make a stream of a head whose message has not come at once."""
        route = head.shape.route
        assert route
        stream = Stream(self, stream_id, route, Context(self, head))
        self.table.keep(stream)
        return stream

    @property
    def has_partial_frame(self) -> bool:
        """Whether a frame has begun that is not whole yet."""
        return bool(self._buffer) or bool(self.blocks.open_stream)

    def hold(self, change_bytes: int) -> bool:
        """Account for bytes that are kept of calls; tell whether they may grow to that."""
        self._held_bytes += change_bytes
        fits = self._held_bytes <= self.limits.connection_held_bytes
        return self.server.hold(change_bytes) and (fits or change_bytes <= 0)

    def note_quiet(self) -> None:
        """Take note that no call is open any more."""
        self.quiet_at = self.loop.time()
        self.server.note_quiet()

    # What is sent.

    def want_flush(self) -> None:
        """Have what is in the outbox written: at the end of the burst, or soon."""
        if not self._in_burst and not self._flush_wanted:
            self._flush_wanted = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is in the outbox."""
        self._flush_wanted = False
        data = self.outbox.take()
        if data and not self.closing.is_closed:
            self.transport.write(data)
