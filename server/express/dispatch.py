"""Frames that did not go the quick way."""

from typing import TYPE_CHECKING

from server.express.control import strip_priority, take_control
from server.express.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
    strip_padding,
)
from server.express.opening import begin_stream

if TYPE_CHECKING:
    from server.express.connection import Connection

_FAULT_COST = 10


def take_frame(
    connection: "Connection", kind: int, flags: int, stream_id: int, payload: bytes
) -> None:
    """Take a frame of any kind.

    Raises:
        ConnectionFault: The peer broke the protocol or a limit, and the connection ends.
    """
    if not connection.greeting.is_over:
        connection.greeting.take_first(kind, flags)
    if connection.blocks.open_stream and kind != CONTINUATION:
        raise ConnectionFault(PROTOCOL_ERROR, "continuation")
    try:
        if kind == DATA:
            _take_data(connection, flags, stream_id, payload)
        elif kind == HEADERS:
            _take_headers(connection, flags, stream_id, payload)
        elif kind == CONTINUATION:
            _take_continuation(connection, flags, stream_id, payload)
        else:
            take_control(connection, kind, flags, stream_id, payload)
    except StreamFault as fault:
        connection.server.count_refusal(fault.limit)
        connection.patience.spend(_FAULT_COST)
        connection.table.reset(stream_id, fault.code)


def _take_data(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    connection.unacknowledged_bytes += len(payload)
    data = strip_padding(flags, payload)
    stream = connection.table.find(stream_id)
    if stream is None:
        _take_stray(connection, stream_id, len(payload), is_last=bool(flags & END_STREAM))
        return
    if stream.remote_done:
        raise StreamFault(STREAM_CLOSED, "closed-stream")
    is_last = bool(flags & END_STREAM)
    if not data and not is_last:
        connection.patience.spend(1)
    stream.receive(data, len(payload), is_last=is_last)


def _take_stray(connection: "Connection", stream_id: int, size: int, *, is_last: bool) -> None:
    """Take DATA of a stream that is not open.

    What was sent before our reset came is nobody's fault, and may be a window full of small
    messages: behind a proxy, all its clients would pay for a call that ended early. nghttp2
    and grpc-go drop it without counting, too.
    """
    if stream_id == 0 or stream_id > connection.table.last_id:
        raise ConnectionFault(PROTOCOL_ERROR, "idle-stream")
    if connection.table.take_stray(stream_id, size, is_last=is_last):
        return
    connection.patience.spend(1)
    if not connection.table.was_reset(stream_id):
        raise StreamFault(STREAM_CLOSED, "closed-stream")


def _take_headers(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    piece = strip_priority(flags, stream_id, strip_padding(flags, payload))
    if flags & END_HEADERS:
        begin_stream(connection, stream_id, flags, piece)
    else:
        connection.blocks.begin(stream_id, flags, piece)


def _take_continuation(
    connection: "Connection", flags: int, stream_id: int, payload: bytes
) -> None:
    blocks = connection.blocks
    blocks.go_on(stream_id, payload)
    if flags & END_HEADERS:
        begin_stream(connection, stream_id, blocks.open_flags, blocks.complete())
