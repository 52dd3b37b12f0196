"""What handlers see of a call: the surface of grpc.aio.ServicerContext."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from grpc import aio

from server.express.heads import RequestHead
from server.express.metadata import Metadata, pack_metadata

if TYPE_CHECKING:
    from server.express.connection import Connection
    from server.express.stream import Stream

DoneCallback = Callable[[Any], None]


class Context:
    """A call, as its handler sees it.

    Most calls touch nothing here but read metadata. So what they don't touch is kept on
    the class, and making one costs two attributes.
    """

    stream: "Stream | None" = None
    outcome: Any = None
    status_code: grpc.StatusCode | None = None
    status_details = ""
    initial: Metadata = ()
    trailing: Metadata = ()
    compression: grpc.Compression | None = None
    packs_next = True
    is_touched = False
    is_over = False
    is_cancelled = False

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        self.connection = connection
        self.head = head

    # What the caller sent.

    def invocation_metadata(self) -> Metadata:
        """Return the caller's metadata, in its order."""
        return self.head.metadata

    def peer(self) -> str:
        """Return the caller's address, such as `ipv4:127.0.0.1:50000`."""
        return self.connection.peer

    def peer_identities(self) -> Iterable[bytes] | None:
        """Return None: callers are told apart by their metadata, not by certificates."""
        return None

    def peer_identity_key(self) -> str | None:
        """Return None, see `peer_identities`."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Tell whether the connection is encrypted."""
        return {"transport_security_type": [b"ssl"]} if self.connection.is_encrypted else {}

    def time_remaining(self) -> float | None:
        """Return the seconds until the caller's deadline, or None without one."""
        if self.head.timeout is None:
            return None
        if self.is_over:
            return 0.0
        if self.stream is None:  # answered as soon as it has come
            return self.head.timeout
        return max(0.0, self.stream.deadline - time.monotonic())

    # What the caller is answered.

    async def send_initial_metadata(self, initial_metadata: Iterable[Any]) -> None:
        """Send the headers of the answer now.

        Raises:
            UsageError: They are sent already.
        """
        stream = self._stream()
        if stream.is_head_sent or stream.is_ended:
            raise aio.UsageError("the initial metadata is sent already")
        self.initial = _check(initial_metadata)
        stream.send_head()

    def set_trailing_metadata(self, trailing_metadata: Iterable[Any]) -> None:
        """Set what follows the last message."""
        self.trailing = _check(trailing_metadata)
        self.is_touched = True

    def trailing_metadata(self) -> Metadata:
        """Return what was set."""
        return self.trailing

    def set_code(self, code: grpc.StatusCode) -> None:
        """Set the status that the call ends with."""
        self.status_code = code
        self.is_touched = True

    def code(self) -> grpc.StatusCode | None:
        """Return the status that was set, or that the call ended with."""
        return self.status_code

    def set_details(self, details: str) -> None:
        """Set the message of the status."""
        self.status_details = details
        self.is_touched = True

    def details(self) -> str:
        """Return the message that was set."""
        return self.status_details

    async def abort(
        self, code: grpc.StatusCode, details: str = "", trailing_metadata: Iterable[Any] = ()
    ) -> NoReturn:
        """End the call with a status that is no success.

        Raises:
            AbortError: Always; it ends the handler.
        """
        if code is grpc.StatusCode.OK:
            raise ValueError("abort is for statuses other than OK")
        if trailing_metadata:
            self.trailing = _check(trailing_metadata)
        self.status_code, self.status_details = code, details or self.status_details
        self._stream().finish()
        raise aio.AbortError

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with a status that carries its own metadata.

        Raises:
            AbortError: Always; it ends the handler.
        """
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_compression(self, compression: grpc.Compression) -> None:
        """Pack the messages of the answer, if the caller can unpack them.

        Raises:
            UsageError: The headers, which name the packing, are sent already.
        """
        if self.stream and self.stream.is_head_sent:
            raise aio.UsageError("compression is set before anything is sent")
        self.compression = compression
        self.is_touched = True

    def disable_next_message_compression(self) -> None:
        """Send the next message as it is."""
        self.packs_next = False

    # Streams of messages.

    async def read(self) -> Any:
        """Return the next message of the caller, or `grpc.aio.EOF`."""
        return await self._stream().read_request()

    async def write(self, message: Any) -> None:
        """Send a message, and wait until the caller can take more."""
        await self._stream().write_response(message)

    # The end.

    def cancelled(self) -> bool:
        """Tell whether the caller has gone or its deadline has passed."""
        return self.stream.is_cancelled if self.stream else self.is_cancelled

    def done(self) -> bool:
        """Tell whether the call is over."""
        return self.stream.is_ended if self.stream else self.is_over

    def add_done_callback(self, callback: DoneCallback) -> None:
        """Have a function called with this context when the call is over."""
        self._stream().done_callbacks.append(callback)

    def take_outcome(self, run: Callable[[], Any]) -> Any:
        """Return, or raise, what the handler did when it was called inline; else run it."""
        outcome, self.outcome = self.outcome, None
        if outcome is None:
            return run()
        if isinstance(outcome, Exception):
            try:
                raise outcome
            finally:
                del outcome  # its traceback holds this frame: a ring
        return outcome

    def leave_stream(self, *, is_cancelled: bool) -> None:
        """Let go of a call that is over, so that what it held goes when its handler does."""
        self.is_over, self.is_cancelled, self.stream = True, is_cancelled, None
        if iscoroutine(self.outcome):  # its task has not come to take it
            self.outcome.close()
        self.outcome = None

    def _stream(self) -> "Stream":
        if self.is_over:
            raise asyncio.CancelledError
        if self.stream is None:
            raise RuntimeError("a handler needs to be async to use this of its context")
        return self.stream


def _check(metadata: Iterable[Any]) -> Metadata:
    """Take metadata as it is given; what can't be written is refused where it is set.

    Raises:
        MetadataInvalid: A key or value is not what metadata may hold.
    """
    taken: Metadata = tuple([(key, value) for key, value in metadata])
    pack_metadata(taken)
    return taken
