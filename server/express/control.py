"""Frames that carry no call: settings, pings, windows, resets, and the first ones of all."""

import asyncio
import socket
from typing import TYPE_CHECKING

from server.express.frames import (
    ACK,
    ENABLE_PUSH,
    FIRST_WINDOW,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HAS_PRIORITY,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_SIZE,
    NUMBER,
    PING,
    PREFACE,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTING,
    SETTINGS,
    STREAM_ID_MASK,
    WINDOW_UPDATE,
    ConnectionFault,
    StreamFault,
    pack_frame,
    pack_settings,
    pack_window_update,
)
from server.express.limits import Limits

if TYPE_CHECKING:
    from server.express.connection import Connection

_PRIORITY_BYTES = 5
_PING_BYTES = 8
_LEAST_GOAWAY_BYTES = 8
_NUMBER_BYTES = 4
_SETTINGS_COST = 5


class Greeting:
    """The beginning of a connection: the preface, then the peer's settings.

    Attributes:
        is_over: Whether both have come.
    """

    __slots__ = ("_has_preface", "is_over")

    def __init__(self) -> None:
        self._has_preface = False
        self.is_over = False

    def read(self, buffer: bytes) -> int | None:
        """Check as much of the preface as has come.

        Returns:
            Where frames begin, or None while the preface is not whole.

        Raises:
            ConnectionFault: It is none.
        """
        if self._has_preface:
            return 0
        if not PREFACE.startswith(buffer[: len(PREFACE)]):
            raise ConnectionFault(PROTOCOL_ERROR, "preface")
        if len(buffer) < len(PREFACE):
            return None
        self._has_preface = True
        return len(PREFACE)

    def take_first(self, kind: int, flags: int) -> None:
        """Check that the first frame is SETTINGS.

        Raises:
            ConnectionFault: It is not.
        """
        if kind != SETTINGS or flags & ACK:
            raise ConnectionFault(PROTOCOL_ERROR, "preface")
        self.is_over = True


def greet(limits: Limits) -> bytes:
    """Write the server's side of the beginning of a connection."""
    settings = pack_settings(
        {
            MAX_CONCURRENT_STREAMS: limits.streams,
            INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
            MAX_HEADER_LIST_SIZE: limits.header_bytes,
        }
    )
    return settings + pack_window_update(0, limits.connection_window_bytes - FIRST_WINDOW)


def name_peer(transport: asyncio.Transport) -> str:
    """Name the peer's address as gRPC does."""
    family = transport.get_extra_info("socket").family
    name = transport.get_extra_info("peername")
    if family == socket.AF_INET6:
        return f"ipv6:%5B{name[0]}%5D:{name[1]}"
    return f"ipv4:{name[0]}:{name[1]}" if family == socket.AF_INET else "unix:"


def strip_priority(flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return the header block of a HEADERS frame; priorities are ignored (RFC 9113, 5.3).

    Raises:
        ConnectionFault: The frame is no request's, or too short.
    """
    if stream_id == 0:
        raise ConnectionFault(PROTOCOL_ERROR, "stream-id")
    if not flags & HAS_PRIORITY:
        return payload
    if len(payload) < _PRIORITY_BYTES:
        raise ConnectionFault(FRAME_SIZE_ERROR, "priority")
    return payload[_PRIORITY_BYTES:]


def take_control(
    connection: "Connection", kind: int, flags: int, stream_id: int, payload: bytes
) -> None:
    """Take a frame that is neither DATA nor part of a header block.

    Raises:
        ConnectionFault, StreamFault: The peer broke the protocol or a limit.
    """
    take = _TAKERS.get(kind)
    if take is None:  # unknown kinds are ignored, and so are priorities
        connection.patience.spend(1)
    else:
        take(connection, flags, stream_id, payload)


def _take_settings(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFault(PROTOCOL_ERROR, "settings")
    if len(payload) % SETTING.size or (flags & ACK and payload):
        raise ConnectionFault(FRAME_SIZE_ERROR, "settings")
    connection.patience.spend(_SETTINGS_COST)
    if flags & ACK:
        return
    settings: list[tuple[int, int]] = list(SETTING.iter_unpack(payload))
    if any(key == ENABLE_PUSH and value > 1 for key, value in settings):
        raise ConnectionFault(PROTOCOL_ERROR, "settings")
    connection.outbox.take_settings(settings, connection.table.streams())
    connection.outbox.add(pack_frame(SETTINGS, ACK, 0))
    connection.outbox.pump_blocked()


def _take_ping(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    if stream_id:
        raise ConnectionFault(PROTOCOL_ERROR, "ping")
    if len(payload) != _PING_BYTES:
        raise ConnectionFault(FRAME_SIZE_ERROR, "ping")
    connection.patience.spend(1)
    if flags & ACK:
        connection.closing.take_pong(payload)
    else:
        connection.outbox.add(pack_frame(PING, ACK, 0, payload))


def _take_goaway(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    """Let the peer go: it opens no more streams, and closes when it has its answers."""
    del flags
    if stream_id:
        raise ConnectionFault(PROTOCOL_ERROR, "goaway")
    if len(payload) < _LEAST_GOAWAY_BYTES:
        raise ConnectionFault(FRAME_SIZE_ERROR, "goaway")
    connection.patience.spend(1)


def _take_window(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    del flags
    if len(payload) != _NUMBER_BYTES:
        raise ConnectionFault(FRAME_SIZE_ERROR, "window")
    size = NUMBER.unpack(payload)[0] & STREAM_ID_MASK
    connection.patience.spend(1)
    if stream_id == 0:
        if size == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "window")
        connection.outbox.widen(None, size)
        return
    _check_used(connection, stream_id)
    if size == 0:
        raise StreamFault(PROTOCOL_ERROR, "window")
    stream = connection.table.find(stream_id)
    if stream is not None:
        connection.outbox.widen(stream, size)


def _take_reset(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    del flags
    if len(payload) != _NUMBER_BYTES:
        raise ConnectionFault(FRAME_SIZE_ERROR, "reset")
    _check_used(connection, stream_id)
    if not connection.table.is_reset_in_good_faith(stream_id):
        connection.patience.spend(1)
    connection.table.take_reset(stream_id)


def _take_priority(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    del flags
    if stream_id == 0:
        raise ConnectionFault(PROTOCOL_ERROR, "priority")
    connection.patience.spend(1)
    if len(payload) != _PRIORITY_BYTES:
        raise StreamFault(FRAME_SIZE_ERROR, "priority")


def _take_push(connection: "Connection", flags: int, stream_id: int, payload: bytes) -> None:
    del connection, flags, stream_id, payload
    raise ConnectionFault(PROTOCOL_ERROR, "push")


def _check_used(connection: "Connection", stream_id: int) -> None:
    if stream_id == 0 or stream_id > connection.table.last_id:
        raise ConnectionFault(PROTOCOL_ERROR, "idle-stream")


_TAKERS = {
    PRIORITY: _take_priority,
    RST_STREAM: _take_reset,
    SETTINGS: _take_settings,
    PUSH_PROMISE: _take_push,
    PING: _take_ping,
    GOAWAY: _take_goaway,
    WINDOW_UPDATE: _take_window,
}
