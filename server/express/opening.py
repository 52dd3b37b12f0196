"""What a whole header block begins: a call, the end of a request, or a refusal."""

from typing import TYPE_CHECKING

import grpc

from server.express import calls
from server.express.context import Context
from server.express.frames import (
    END_STREAM,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
)
from server.express.heads import ENCODINGS, HTTP_OK, RequestHead, check_trailers
from server.express.routes import CallDetails, Route
from server.express.stream import Stream

if TYPE_CHECKING:
    from server.express.connection import Connection

Code = grpc.StatusCode


def begin_stream(connection: "Connection", stream_id: int, flags: int, block: bytes) -> None:
    """Take a whole header block.

    Raises:
        ConnectionFault, StreamFault: The peer broke the protocol or a limit.
    """
    ended = bool(flags & END_STREAM)
    if stream_id <= connection.table.last_id:
        _end_request(connection, stream_id, block, ended=ended)
        return
    if not stream_id & 1:
        raise ConnectionFault(PROTOCOL_ERROR, "stream-id")
    connection.table.last_id = stream_id
    head = connection.blocks.read_head(block)
    if connection.closing.is_draining or len(connection.table.entries) >= connection.limits.streams:
        raise StreamFault(REFUSED_STREAM, "streams")
    if head and head.is_quick and not ended:
        connection.await_message(stream_id, head)
        return
    if head is None:
        # A long block takes long to decode; a short one may be many references to a long field.
        connection.patience.spend(connection.blocks.burden)
        _refuse(
            connection, stream_id, (Code.RESOURCE_EXHAUSTED, _too_large(connection)), ended=ended
        )
        return
    if head.shape.http_status != HTTP_OK:
        connection.outbox.send_http(stream_id, head.shape.http_status, "this is a gRPC server")
        _close(connection, stream_id, ended=ended)
        return
    found = _find(connection, head)
    if isinstance(found, Route):
        _open(connection, stream_id, head, found, ended=ended)
    else:
        _refuse(connection, stream_id, found, ended=ended)


def _end_request(connection: "Connection", stream_id: int, block: bytes, *, ended: bool) -> None:
    """Take trailers, which end a request and say nothing more."""
    fields = connection.blocks.decode(block)
    stream = connection.table.find(stream_id)
    if stream is None:
        if not connection.table.was_reset(stream_id):
            raise ConnectionFault(STREAM_CLOSED, "closed-stream")
        connection.patience.spend(1)
        return
    if stream.remote_done:
        raise StreamFault(STREAM_CLOSED, "closed-stream")
    check_trailers(fields)
    if not ended:
        raise StreamFault(PROTOCOL_ERROR, "trailers")
    stream.end_request()


def _find(connection: "Connection", head: RequestHead) -> Route | tuple[Code, str]:
    """Find what answers a call, or say why nothing does."""
    if head.fault:
        return Code.INTERNAL, head.fault
    if head.timeout == 0:
        return Code.DEADLINE_EXCEEDED, "the deadline has passed"
    if head.shape.encoding not in ENCODINGS:
        return Code.UNIMPLEMENTED, f"grpc-encoding must be one of {', '.join(sorted(ENCODINGS))}"
    if connection.server.open_calls >= connection.limits.calls:
        return Code.RESOURCE_EXHAUSTED, "the server has too many calls at hand; try again soon"
    route = head.shape.route or connection.server.routes.find(
        CallDetails(head.shape.path, head.metadata)
    )
    return route or (Code.UNIMPLEMENTED, "Method not found!")


def _open(
    connection: "Connection", stream_id: int, head: RequestHead, route: Route, *, ended: bool
) -> None:
    stream = Stream(connection, stream_id, route, Context(connection, head))
    connection.table.keep(stream)
    if stream.takes_many:
        calls.start(stream)
    if ended:
        stream.end_request()


def _refuse(
    connection: "Connection", stream_id: int, status: tuple[Code, str], *, ended: bool
) -> None:
    connection.outbox.send_only(stream_id, *status)
    _close(connection, stream_id, ended=ended)


def _close(connection: "Connection", stream_id: int, *, ended: bool) -> None:
    """Have nothing more sent of a request that is answered already."""
    if not ended:
        connection.table.reset(stream_id, NO_ERROR)


def _too_large(connection: "Connection") -> str:
    return f"the metadata is larger than the {connection.limits.header_bytes} bytes taken here"
