"""Looks at every connection once a second: who is silent, stalled or idle is ended."""

import asyncio
import time
from typing import TYPE_CHECKING

import grpc

from server.express.frames import CANCEL, NO_ERROR, PING, SETTINGS_TIMEOUT, pack_frame

if TYPE_CHECKING:
    from server.express.connection import Connection
    from server.express.server import ExpressServer
    from server.express.stream import Stream

_LOOK_SECONDS = 1.0
_ALIVE = b"alive?\0\0"


async def watch(server: "ExpressServer") -> None:
    """Look at every connection, again and again, until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for connection in list(server.connections):
            inspect(connection, time.monotonic())


def inspect(connection: "Connection", now: float) -> None:
    """End a connection, or calls of it, that go on for nobody.

    Args:
        connection: Which.
        now: The time of the monotonic clock, in seconds.
    """
    limits = connection.limits
    connection.patience.restore(limits.patience_per_second)
    silent_seconds = now - connection.heard_at
    if not connection.greeting.is_over and now - connection.quiet_at > limits.handshake_seconds:
        connection.closing.close(SETTINGS_TIMEOUT, "handshake")
    elif connection.has_partial_frame and silent_seconds > limits.request_seconds:
        connection.closing.abort("half-sent")
    elif connection.outbox.is_paused_since(now - limits.stall_seconds):
        connection.closing.abort("stall")
    elif not connection.table.entries and now - connection.quiet_at > limits.idle_seconds:
        connection.closing.close(NO_ERROR, "idle")
    elif silent_seconds > limits.keepalive_seconds + limits.keepalive_timeout_seconds:
        connection.closing.abort("keepalive")
    elif silent_seconds > limits.keepalive_seconds:
        connection.outbox.add(pack_frame(PING, 0, 0, _ALIVE))
    _end_stale_calls(connection, time.monotonic())


def _end_stale_calls(connection: "Connection", now: float) -> None:
    for stream in connection.table.streams():
        since = now - stream.moved_at
        half_sent = not (stream.takes_many or stream.remote_done or stream.is_ended)
        if half_sent and since > connection.limits.request_seconds:
            connection.server.count_refusal("half-sent")
            stream.refuse(
                grpc.StatusCode.DEADLINE_EXCEEDED, "the rest of the request did not come in time"
            )
        elif stream.unsent and _is_stalled(stream, now):
            connection.server.count_refusal("stall")
            connection.table.reset(stream.id, CANCEL)


def _is_stalled(stream: "Stream", now: float) -> bool:
    """Tell whether its caller fetches nothing of an answer; others may have to go before it."""
    connection, moved_at = stream.connection, stream.moved_at
    if stream.send_window > 0:  # so it is the connection that takes no more
        moved_at = max(moved_at, connection.outbox.moved_at)
    return now - moved_at > connection.limits.stall_seconds
