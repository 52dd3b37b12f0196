"""How a connection ends: drained, refused, or without a word."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from server.express.frames import (
    NO_ERROR,
    PING,
    STREAM_ID_MASK,
    ConnectionFault,
    pack_frame,
    pack_goaway,
)

if TYPE_CHECKING:
    from server.express.connection import Connection

_DRAINED = b"drained\0"
_LINGER_SECONDS = 0.5


class Closing:
    """Ends a connection.

    Args:
        connection: Which.

    Attributes:
        is_draining: Whether new calls are refused.
        is_closed: Whether nothing is said any more.
    """

    __slots__ = ("_connection", "_lingering", "is_closed", "is_draining")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self.is_draining = False
        self.is_closed = False
        self._lingering: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """Ask the peer to open no more calls.

        Calls that are on their way still count: the id of the last one is said when the
        peer has answered a ping, and so has read that it should go (RFC 9113, 6.8).
        """
        outbox = self._connection.outbox
        # So that the socket says when it has taken all, see `is_done`.
        self._connection.transport.set_write_buffer_limits(high=0)
        outbox.add(pack_goaway(STREAM_ID_MASK, NO_ERROR, "the server is stopping"))
        outbox.add(pack_frame(PING, 0, 0, _DRAINED))

    def take_pong(self, payload: bytes) -> None:
        """Take the answer to a ping of ours."""
        if payload == _DRAINED and not self.is_draining:
            self.is_draining = True
            self._say_goodbye(NO_ERROR, "the server is stopping")

    def is_done(self) -> bool:
        """Tell whether a drained connection has no call, and all of its answers are sent."""
        connection = self._connection
        connection.flush()
        return not (connection.table.entries or connection.outbox.is_paused)

    def refuse(self, fault: ConnectionFault) -> None:
        """Tell the peer what it did, and close."""
        self._connection.server.count_refusal(fault.limit)
        self.close(fault.code, fault.limit)

    def close(self, code: int = NO_ERROR, text: str = "") -> None:
        """Say goodbye, send what is written, and close.

        What the peer still sends is read and dropped for a moment: a socket that is closed
        with something unread resets the peer's, and our last words are lost.
        """
        if self.is_closed:
            return
        connection = self._connection
        self._say_goodbye(code, text)
        connection.flush()
        connection.reading.resume_all()
        self.is_closed = True
        transport = connection.transport
        if not transport.can_write_eof():
            transport.close()
            return
        with suppress(OSError):  # the peer was quicker
            transport.write_eof()
        self._lingering = connection.loop.call_later(_LINGER_SECONDS, transport.abort)

    def end(self) -> None:
        """Take note that the connection is gone."""
        self.is_closed = True
        if self._lingering:
            self._lingering.cancel()

    def abort(self, limit: str) -> None:
        """Close without waiting for a peer that takes nothing."""
        self._connection.server.count_refusal(limit)
        self.is_closed = True
        self._connection.transport.abort()

    def _say_goodbye(self, code: int, text: str) -> None:
        self._connection.outbox.add(pack_goaway(self._connection.table.last_id, code, text))
