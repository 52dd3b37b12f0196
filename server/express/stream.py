"""One call that is not answered at once: its request as it comes, its answer as it goes.

Its life: requests come in by `receive`, a task runs the handler (see `calls`), answers go
out by `write_response`, and `finish` or `cancel` ends it. The connection forgets it when the
last byte of its answer is written.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import grpc
from grpc import aio

from server.express import calls, inline
from server.express.context import Context, DoneCallback
from server.express.frames import FLOW_CONTROL_ERROR, StreamFault
from server.express.heads import RequestHead
from server.express.messages import (
    MessageReader,
    MessageRefused,
    choose_encoding,
    pack_message,
)
from server.express.routes import Route

if TYPE_CHECKING:
    from server.express.connection import Connection

Code = grpc.StatusCode
_CUT_SHORT = (Code.INTERNAL, "the request ends inside a message")


class Stream:
    """A call on its connection.

    Attributes:
        context: What the handler sees.
        unsent: What of the answer waits for the peer's windows.
        send_window: How much the peer takes on this stream.
        receive_window: How much the peer may send on it.
        is_ended: Whether nothing more will be said on it.
        is_cancelled: Whether the peer or its deadline ended it.
        remote_done: Whether the request is complete.
        begun_at: When the call began, in seconds of the monotonic clock.
        moved_at: When the last of the request came, or the answer last moved.
    """

    def __init__(
        self,
        connection: "Connection",
        stream_id: int,
        route: Route,
        context: Context,
    ) -> None:
        self.connection = connection
        self.id = stream_id
        self.route = route
        self.context = context
        context.stream = self
        self.head: RequestHead = context.head
        limits = connection.limits
        self.begun_at = self.moved_at = time.monotonic()
        self.deadline = self.moved_at + (self.head.timeout or 0.0)
        self.reader = MessageReader(self.head.shape.encoding, limits.message_bytes)
        self.requests: deque[bytes] = deque()
        self._request_bytes = 0
        self._held_bytes = 0
        self.receive_window = limits.stream_window_bytes
        self.remote_done = False
        self.is_head_sent: bool = False
        self.is_ended = False
        self.is_cancelled = False
        self.send_window = connection.outbox.first_window
        self.unsent: deque[memoryview] = deque()
        self.closing = False
        self._arrived: asyncio.Future[None] | None = None
        self._sent: asyncio.Future[None] | None = None
        self.done_callbacks: list[DoneCallback] = []
        self.task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if self.head.timeout is not None:
            self._timer = connection.loop.call_later(self.head.timeout, self._expire)

    # The request.

    @property
    def takes_many(self) -> bool:
        """Whether the method takes a stream of requests."""
        return bool(self.route.handler.request_streaming)

    def receive(self, data: bytes, flow_bytes: int, *, is_last: bool) -> None:
        """Take DATA.

        Args:
            data: What it carries.
            flow_bytes: What it counts for flow control, padding included.
            is_last: Whether the request ends with it.

        Raises:
            StreamFault: The peer sent more than its window.
        """
        self.receive_window -= flow_bytes
        if self.receive_window < 0:
            raise StreamFault(FLOW_CONTROL_ERROR, "stream-window")
        self.remote_done = is_last
        if self.is_ended:
            return
        self.moved_at = time.monotonic()
        try:
            arrived = self.reader.feed(data)
            self.requests += arrived
            self._request_bytes += sum(map(len, arrived))
            self._hold()
            self._refill()
            self._advance()
        except MessageRefused as refused:
            self.refuse(refused.code, refused.text)

    def end_request(self) -> None:
        """Take note that the request is complete."""
        self.remote_done = True
        if not self.is_ended:
            try:
                self._advance()
            except MessageRefused as refused:
                self.refuse(refused.code, refused.text)

    def _advance(self) -> None:
        """Start the handler of a single request, or wake the one that reads."""
        if self.takes_many:
            if self._arrived and not self._arrived.done():
                self._arrived.set_result(None)
            return
        if self.remote_done and self.reader.held_bytes:
            raise MessageRefused(*_CUT_SHORT)
        if len(self.requests) > 1 or (self.remote_done and not self.requests):
            raise MessageRefused(Code.UNIMPLEMENTED, "the method takes exactly one message")
        if self.remote_done:
            inline.call(self, self._take_request())

    async def read_request(self) -> Any:
        """Return the next request of a stream of them, or `grpc.aio.EOF`."""
        while not self.requests:
            if self.remote_done:
                if self.reader.held_bytes:
                    raise MessageRefused(*_CUT_SHORT)
                return aio.EOF
            self._arrived = self.connection.loop.create_future()
            await self._arrived
        return calls.deserialize(self.route, self._take_request())

    def _take_request(self) -> bytes:
        data = self.requests.popleft()
        self._request_bytes -= len(data)
        self._hold()
        self._refill()
        return data

    def _refill(self) -> None:
        """Let the peer send more, as far as what it sent was taken.

        What a handler has not read yet is not made up for, so it paces its caller; a
        message that is not whole yet is, and has a bound of its own.
        """
        whole = self.connection.limits.stream_window_bytes
        owed = whole - self.receive_window - self._request_bytes
        if owed > whole // 2 and not self.remote_done:
            self.connection.outbox.open_window(self.id, owed)
            self.receive_window += owed

    def _hold(self) -> None:
        """Account for what is kept of this stream.

        Raises:
            MessageRefused: It is more than the server keeps of all its calls.
        """
        held = self.reader.held_bytes + self._request_bytes + sum(map(len, self.unsent))
        fits = self.connection.hold(held - self._held_bytes)
        self._held_bytes = held
        if not fits:
            raise MessageRefused(
                Code.RESOURCE_EXHAUSTED,
                "the server holds too much of half-sent messages; try again soon",
            )

    # The answer.

    def send_head(self) -> None:
        """Send the headers of the answer, unless they are sent."""
        if self.is_head_sent or self.is_ended:
            return
        self.is_head_sent = True
        self.connection.outbox.send_head(self.id, self.context.initial, self._encoding())

    async def write_response(self, message: Any) -> None:
        """Send one answer, and wait until the windows and the socket took it."""
        if self.is_ended:
            raise asyncio.CancelledError
        self.send(calls.serialize(self.route, message))
        if self.unsent:
            self._sent = self.connection.loop.create_future()
            await self._sent
        await self.connection.outbox.resumed.wait()

    def send(self, body: bytes) -> None:
        """Send one answer, or keep what the windows don't take."""
        self.send_head()
        encoding = self._encoding() if self.context.packs_next else ""
        self.context.packs_next = True
        self.unsent += pack_message(body, encoding)
        self.connection.outbox.pump(self)
        if self.unsent:
            self._hold()

    def note_sent(self) -> None:
        """Take note that the windows took something."""
        self.moved_at = time.monotonic()
        self._hold()
        if not self.unsent and self._sent and not self._sent.done():
            self._sent.set_result(None)

    def _encoding(self) -> str:
        return choose_encoding(self.context.compression, self.head.shape.accepts)

    # The end.

    def refuse(self, code: Code, text: str) -> None:
        """End the call whatever its handler does, which is told by being cancelled."""
        self.unsent.clear()
        self.context.status_code, self.context.status_details = code, text
        self.finish()
        self._stop_task()

    def finish(self) -> None:
        """End the call with the status that its context has, once all is sent."""
        if self.is_ended:
            return
        self.context.status_code = self.context.status_code or Code.OK
        self.is_ended = True
        self.closing = True
        self.connection.outbox.pump(self)
        self._finalize()

    def cancel(self) -> None:
        """Take note that the peer does not want the answer any more."""
        self.is_cancelled = True
        self.unsent.clear()
        if not self.is_ended:
            self.is_ended = True
            self.context.status_code = self.context.status_code or Code.CANCELLED
            self._finalize()
        self._stop_task()

    def _expire(self) -> None:
        """End the call because its time is up."""
        if not self.is_ended:
            self.is_cancelled = True
            self.refuse(Code.DEADLINE_EXCEEDED, "the deadline has passed")

    def _stop_task(self) -> None:
        if self.task and self.task is not asyncio.current_task(self.connection.loop):
            self.task.cancel()

    def _finalize(self) -> None:
        if self._timer:
            self._timer.cancel()
        self.requests.clear()
        self._request_bytes = 0
        self.reader.clear()
        self._hold()
        for callback in self.done_callbacks:
            self.connection.loop.call_soon(callback, self.context)

    def release(self) -> None:
        """Give back what was accounted for; the connection forgets the stream."""
        self.unsent.clear()
        self._hold()
        self.context.leave_stream(is_cancelled=self.is_cancelled)
