"""One connection: bytes in, frames taken apart, calls answered or begun.

The way of nearly every call is `_take_frames`: its HEADERS are found by their bytes among
those decoded before, its DATA holds the one whole message of a method that answers at once,
and the answer joins those of the same burst. Everything else leaves that way early.
"""

import asyncio
import struct
from time import monotonic
from typing import TYPE_CHECKING, cast

from server.express import control, inline
from server.express.closing import Closing
from server.express.context import Context
from server.express.dispatch import check_size, take_frame
from server.express.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    HEADER,
    HEADER_BYTES,
    HEADERS,
    LEAST_MAX_FRAME,
    STREAM_ID_MASK,
    ConnectionFault,
)
from server.express.header_blocks import HeaderBlocks
from server.express.heads import RequestHead
from server.express.inbox import READ_AHEAD_BYTES, Inbox
from server.express.messages import PREFIX, PREFIX_BYTES
from server.express.outbox import Outbox
from server.express.patience import Patience
from server.express.reading import Reading
from server.express.stream import Stream
from server.express.table import StreamTable

if TYPE_CHECKING:
    from server.express.server import ExpressServer

_unpack_header = HEADER.unpack_from
# The head of a frame, and of a message if it is DATA; any frame on the quick way is that long.
_unpack_heads = struct.Struct(HEADER.format + PREFIX.format.removeprefix(">")).unpack_from
_HEADS_BYTES = HEADER_BYTES + PREFIX_BYTES
_WRITE_BUFFER_BYTES = 1 << 20
_CALLS_BETWEEN_CLOCKS = 7


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
        spare_context: One that the last call left as it was, for the next call.
        tasks_begun: How many calls went on in tasks in this turn.
        unacknowledged_bytes: What came and is not given back to the peer's window yet.
        heard_at: When anything came, in seconds of the monotonic clock.
    """

    # Many connections are answered in a row: the less memory each touches, the better.
    __slots__ = (
        "_begun",
        "_held_bytes",
        "_in_burst",
        "_inbox",
        "_window_share_bytes",
        "blocks",
        "closing",
        "greeting",
        "heard_at",
        "is_encrypted",
        "limits",
        "loop",
        "outbox",
        "patience",
        "peer",
        "quiet_at",
        "reading",
        "server",
        "spare_context",
        "table",
        "tasks_begun",
        "transport",
        "unacknowledged_bytes",
    )
    transport: asyncio.Transport

    def __init__(self, server: "ExpressServer", *, is_encrypted: bool) -> None:
        self.server = server
        self.limits = server.limits
        self.loop = asyncio.get_running_loop()
        self.is_encrypted = is_encrypted
        self.peer = ""
        self.outbox = Outbox(self)
        self.table = StreamTable(self)
        self.blocks = HeaderBlocks(server.routes, self.limits.header_bytes)
        self.patience = Patience(self.limits)
        self.greeting = control.Greeting()
        self.closing = Closing(self)
        self.heard_at = self.quiet_at = monotonic()
        self._inbox = Inbox(self.hold)
        self._begun: list[int] = []
        self.unacknowledged_bytes = self.tasks_begun = self._held_bytes = 0
        self._window_share_bytes = self.limits.connection_window_bytes // 2
        self._in_burst = False
        self.reading = Reading(self)
        self.spare_context: Context | None = None

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
        """Keep what came until everybody's has come, see `Turns`."""
        if self.closing.is_closed:
            return
        if not self._inbox.add(data):
            self.heard_at = monotonic()
            return
        if self._inbox.bytes > READ_AHEAD_BYTES:
            self.reading.pause("turn")  # or all of it is read before anybody else's
        self.server.turns.ask(self)

    def take_turn(self) -> None:
        """Take what came and answer what can be answered; `flush` is to be called soon."""
        if self.closing.is_closed:
            return
        self.reading.resume("turn")
        self.heard_at, self.tasks_begun = monotonic(), 0
        inbox = self._inbox
        self._in_burst = True
        try:
            data = inbox.join()
            start = inbox.position if self.greeting.is_over else self.greeting.read(data)
            if start is not None:
                inbox.finish(self._take_frames(data, start))
            if self._begun:
                self.table.open_begun(self._begun)
            if self.unacknowledged_bytes > self._window_share_bytes:
                self._open_window()
        except ConnectionFault as fault:
            self.closing.refuse(fault)
        finally:
            self._in_burst = False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - given by asyncio
        """End every call that is open."""
        self.closing.end()
        self.outbox.resumed.set()
        self._inbox.drop()
        self.table.drop_all()

    def pause_writing(self) -> None:
        """Read no more while the peer reads nothing: what it asks for would pile up."""
        self.outbox.pause(monotonic())
        self.reading.pause("peer")

    def resume_writing(self) -> None:
        """Go on."""
        self.outbox.resume()
        self.reading.resume("peer")
        self.server.note_quiet()

    # Frames.

    def _take_frames(self, buffer: bytes, position: int) -> int:  # noqa: C901 - calls cost
        """Take whole frames apart, and return where the first that is not whole begins."""
        table, blocks, begun = self.table, self.blocks, self._begun
        takes_calls = self.greeting.is_over and not self.closing.is_draining
        most_streams = self.limits.streams
        entries = table.entries
        end, answered = len(buffer), 0
        while end - position >= HEADER_BYTES:
            if end - position >= _HEADS_BYTES:
                high, low, kind, flags, stream_id, packed, length = _unpack_heads(buffer, position)
            else:
                high, low, kind, flags, stream_id = _unpack_header(buffer, position)
                packed, length = 1, 0
            size = high << 8 | low
            if size > LEAST_MAX_FRAME:
                check_size(self.limits, kind, size)
            start = position + HEADER_BYTES
            stop = start + size
            if stop > end:
                break
            position = stop
            if kind == DATA and flags == END_STREAM and length == size - PREFIX_BYTES:
                head = entries.get(stream_id)
                if isinstance(head, RequestHead) and not packed and not blocks.open_stream:
                    del entries[stream_id]
                    self.unacknowledged_bytes += size
                    inline.answer(self, stream_id, head, buffer[start + PREFIX_BYTES : stop])
                    answered += 1
                    if not answered & _CALLS_BETWEEN_CLOCKS and self._is_turn_over():
                        break
                    continue
            elif kind == HEADERS and flags == END_HEADERS and not blocks.open_stream:
                head = blocks.known.get(buffer[start:stop])
                if (
                    head is not None
                    and head.is_quick
                    and table.last_id < stream_id <= STREAM_ID_MASK
                    and stream_id & 1
                    and len(entries) < most_streams
                    and takes_calls
                ):
                    table.last_id = stream_id
                    entries[stream_id] = head
                    begun.append(stream_id)
                    continue
            take_frame(self, kind, flags, stream_id & STREAM_ID_MASK, buffer[start:stop])
            if self._is_turn_over():
                break
        self.patience.earned += answered
        return position

    def await_message(self, stream_id: int, head: RequestHead) -> None:
        """Keep the head of a call that is answered at once, until its message has come."""
        self.table.entries[stream_id] = head
        self._begun.append(stream_id)

    def _is_turn_over(self) -> bool:
        """Tell whether others should have their turn; if so, come back after theirs.

        The loop's own clock would not do: uvloop reads it once for all it does in a row.
        """
        is_late = monotonic() - self.heard_at >= self.limits.turn_seconds
        if not is_late and self.tasks_begun < self.server.turns.most_tasks:
            return False
        self.reading.pause("turn")
        self.server.turns.ask_again(self)
        return True

    def _open_window(self) -> None:
        """Let the peer send as much as has come."""
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
        return bool(self._inbox.bytes) or bool(self.blocks.open_stream)

    def hold(self, change_bytes: int) -> bool:
        """Account for bytes that are kept of calls; tell whether they may grow to that."""
        self._held_bytes += change_bytes
        fits = self._held_bytes <= self.limits.connection_held_bytes
        return self.server.hold(change_bytes) and (fits or change_bytes <= 0)

    def note_quiet(self) -> None:
        """Take note that no call is open any more."""
        self.quiet_at = monotonic()
        self.server.note_quiet()

    def want_flush(self) -> None:
        """Have what is in the outbox written: at the end of the burst, or soon."""
        if not self._in_burst:
            self.server.turns.ask_write(self)

    def flush(self) -> None:
        """Write what is in the outbox."""
        data = self.outbox.take()
        if data and not self.closing.is_closed:
            self.transport.write(data)

    def write(self, data: bytes | memoryview) -> None:
        """Write what comes behind all that is written."""
        if not self.closing.is_closed:
            self.transport.write(data)
