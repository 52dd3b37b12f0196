"""Runs the handlers of calls that are not answered at once, each in a task of its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from grpc import aio

from server.express.messages import MessageRefused
from server.express.routes import CallDetails, Handler, Route

if TYPE_CHECKING:
    from server.express.context import Context
    from server.express.stream import Stream

Code = grpc.StatusCode
UNREADABLE = (Code.INTERNAL, "the request is no message of the type that the method takes")

log = structlog.get_logger()


def deserialize(route: Route, data: bytes) -> Any:
    """Read a request.

    Raises:
        MessageRefused: It is none of the method's.
    """
    try:
        return route.deserialize(data)
    except Exception:  # noqa: BLE001 - whatever the method's own function raises
        raise MessageRefused(*UNREADABLE) from None


def serialize(route: Route, answer: Any) -> bytes:
    """Write an answer.

    Raises:
        MessageRefused: The handler gave something that is no message of the method's type.
    """
    try:
        return route.serialize(answer)
    except Exception:
        log.exception("a handler gave no message of its method's type")
        raise MessageRefused(Code.INTERNAL, "the server could not write its answer") from None


def start(stream: "Stream", request: Any = None) -> None:
    """Answer a call in a task of its own; see `run_call`."""
    connection = stream.connection
    connection.tasks_begun += 1
    stream.task = connection.loop.create_task(run_call(stream, request))


async def run_call(stream: "Stream", request: Any = None) -> None:
    """Answer a call by its handler, with the interceptors around it.

    Args:
        stream: The call.
        request: The request, where the method takes exactly one.
    """
    context = stream.context
    try:
        details = CallDetails(stream.head.shape.path, stream.head.metadata)
        handler = await stream.connection.server.routes.intercept(stream.route, details)
        if handler is None:
            context.status_code = Code.UNIMPLEMENTED
        else:
            await _answer(handler, stream, request)
    except aio.AbortError:
        pass  # has ended the call already
    except MessageRefused as refused:
        stream.refuse(refused.code, refused.text)
    except asyncio.CancelledError:
        context.status_code = context.status_code or Code.CANCELLED
        raise
    except Exception:
        if context.status_code in (None, Code.OK):  # a handler may say why before it raises
            context.status_code = Code.UNKNOWN
        context.status_details = "the handler failed"
        log.exception("a handler failed", method=stream.head.shape.path)
    finally:
        stream.finish()
        # A cancelled task holds its frames, and they the call: in a ring, all that the handler
        # had in its hands would stay until the garbage collector comes by.
        stream.task = None


async def _answer(handler: Handler, stream: "Stream", request: Any) -> None:
    context = stream.context
    argument = _requests(stream) if handler.request_streaming else request
    behavior: Any = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    if not handler.response_streaming:
        send_only(stream, await behavior(argument, context))
        return
    answers = behavior(argument, context)
    if hasattr(answers, "__aiter__"):
        await _send_all(answers, context)
    else:
        await answers  # it writes by its context


def send_only(stream: "Stream", answer: Any) -> None:
    """Send the one answer, unless the handler has set a status that is no success."""
    if stream.context.status_code in (None, Code.OK):
        stream.send(serialize(stream.route, answer))


async def _send_all(answers: AsyncIterator[Any], context: "Context") -> None:
    try:
        async for answer in answers:
            await context.write(answer)
    finally:
        close = getattr(answers, "aclose", None)
        if close:
            await close()


async def _requests(stream: "Stream") -> AsyncIterator[Any]:
    while (request := await stream.read_request()) is not aio.EOF:
        yield request
