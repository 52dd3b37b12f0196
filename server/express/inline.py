"""Answers calls of plain functions where their requests are read, without a task."""

from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from server.express import calls
from server.express.context import Context
from server.express.heads import RequestHead
from server.express.messages import MessageRefused
from server.express.stream import Stream

if TYPE_CHECKING:
    from server.express.connection import Connection


def answer(connection: "Connection", stream_id: int, head: RequestHead, message: bytes) -> None:
    """Answer a call whose request came in one piece, or begin what has to go on in a task."""
    route: Any = head.shape.route
    context = connection.spare_context or Context(connection, head)
    connection.spare_context = None
    context.head = head
    try:
        request = route.deserialize(message)
    except Exception:  # noqa: BLE001 - whatever the method's own function raises
        _open(connection, stream_id, context).refuse(*calls.UNREADABLE)
        return
    try:
        outcome = route.inline(request, context)
        is_ordinary = outcome.__class__ is route.answer_class and not context.is_touched
        if is_ordinary and connection.outbox.send_answer(stream_id, route.serialize(outcome)):
            connection.spare_context = context  # nobody touched it
            return
    except Exception as error:  # noqa: BLE001 - is raised again inside of the interceptors
        context.outcome = error  # and no variable, or it would hold itself by this frame
        calls.start(_open(connection, stream_id, context), request)
        return
    _settle(_open(connection, stream_id, context), request, outcome)


def call(stream: Stream, message: bytes) -> None:
    """Call the handler of a request that came in more than one piece.

    Raises:
        MessageRefused: It is no message of the method's type.
    """
    request, route = calls.deserialize(stream.route, message), stream.route
    if route.inline is None:
        calls.start(stream, request)
        return
    try:
        outcome = route.inline(request, stream.context)
    except Exception as error:  # noqa: BLE001 - the same
        stream.context.outcome = error
        calls.start(stream, request)
        return
    _settle(stream, request, outcome)


def _open(connection: "Connection", stream_id: int, context: Context) -> Stream:
    """Make a stream of a call whose request is whole."""
    route: Any = context.head.shape.route
    stream = Stream(connection, stream_id, route, context)
    stream.remote_done = True
    connection.table.keep(stream)
    return stream


def _settle(stream: Stream, request: Any, outcome: Any) -> None:
    """Send what a handler gave inline, or go on with it in a task."""
    if isawaitable(outcome):
        stream.context.outcome = outcome
        calls.start(stream, request)
        return
    stream.route.answer_class = type(outcome)
    try:
        calls.send_only(stream, outcome)
        stream.finish()
    except MessageRefused as refused:
        stream.refuse(refused.code, refused.text)
