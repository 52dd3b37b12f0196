"""Frames that did not go the quick way."""

from typing import TYPE_CHECKING

from server.express.control import strip_priority, take_control
from server.express.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    HEADERS,
    PROTOCOL_ERROR,
    SETTINGS,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
    strip_padding,
)
from server.express.hpack import BOMB
from server.express.limits import Limits
from server.express.opening import begin_stream

if TYPE_CHECKING:
    from server.express.connection import Connection

_FAULT_COST = 10


def check_size(limits: Limits, kind: int, size: int) -> None:
    """Check the size of a frame that is larger than every peer takes.

    Raises:
        ConnectionFault: It is more than was said, or more than is borne.
    """
    if size > limits.frame_bytes or kind == SETTINGS:
        raise ConnectionFault(FRAME_SIZE_ERROR, "frame-size")
    if kind in (HEADERS, CONTINUATION) and size > limits.header_bytes * BOMB:
        raise ConnectionFault(ENHANCE_YOUR_CALM, "header-list")


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
    data, is_last = strip_padding(flags, payload), bool(flags & END_STREAM)
    if not data and not is_last:
        connection.patience.spend(1)
    stream = connection.table.find(stream_id)
    if stream is None:
        _take_stray(connection, stream_id, len(payload), is_last=is_last)
        return
    if stream.remote_done:
        raise StreamFault(STREAM_CLOSED, "closed-stream")
    stream.receive(data, len(payload), is_last=is_last)


def _take_stray(
    connection: "Connection", stream_id: int, flow_bytes: int, *, is_last: bool
) -> None:
    """Take DATA of a stream that is not open: it may have been sent before our reset.

    So much may be on its way, in frames as small as messages are, as the stream's window took.
    """
    table = connection.table
    if stream_id == 0 or stream_id > table.last_id:
        raise ConnectionFault(PROTOCOL_ERROR, "idle-stream")
    if not table.take_rest(stream_id, flow_bytes, is_last=is_last):
        connection.patience.spend(1)
    if not table.was_reset(stream_id):
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
