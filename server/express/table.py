"""The open calls of one connection, and what is left of those that ended early."""

import time
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

import grpc

from server.express.frames import CANCEL, NO_ERROR, pack_reset
from server.express.heads import RequestHead
from server.express.stream import Stream

if TYPE_CHECKING:
    from server.express.connection import Connection

_MOST_RESETS_KNOWN = 256
_PATIENT_SECONDS = 1.0
_DROPPED_AT_ONCE = 4


class StreamTable:
    """Keeps streams by their ids.

    Args:
        connection: Whose they are.

    Attributes:
        entries: What is open: a head whose message is awaited, or a stream.
        last_id: The highest id that the peer has used.
    """

    __slots__ = ("_connection", "_resets", "_server", "entries", "last_id")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._server = connection.server
        self.entries: dict[int, RequestHead | Stream] = {}
        self.last_id = 0
        # Streams that we ended, and how much of each may be on its way.
        self._resets: OrderedDict[int, int] = OrderedDict()

    def streams(self) -> list[Stream]:
        """List the streams; a head whose message is awaited is none yet."""
        return [entry for entry in self.entries.values() if isinstance(entry, Stream)]

    def find(self, stream_id: int) -> Stream | None:
        """Find a stream; a head whose message is awaited becomes one."""
        entry = self.entries.get(stream_id)
        if isinstance(entry, RequestHead):
            return self._connection.make_stream(stream_id, entry)
        return entry

    def keep(self, stream: Stream) -> None:
        """Keep a stream until it is forgotten."""
        self.entries[stream.id] = stream
        self._server.open_calls += 1

    def forget(self, stream: Stream) -> None:
        """Forget a stream whose answer is sent; what is left of its request is not wanted."""
        if self.entries.get(stream.id) is not stream:
            return
        del self.entries[stream.id]
        self._server.open_calls -= 1
        self._connection.outbox.forget(stream.id)
        stream.release()
        if not stream.is_cancelled:
            self._connection.patience.earned += 1
        if not stream.remote_done:
            self._send_reset(stream.id, NO_ERROR, stream.receive_window)
        if not self.entries:
            self._connection.note_quiet()

    def drop(self, stream: Stream) -> None:
        """End a stream that the peer does not want any more."""
        stream.remote_done = True
        stream.cancel()
        self.forget(stream)

    def reset(self, stream_id: int, code: int = CANCEL) -> None:
        """End a stream without a status."""
        entry = self.entries.get(stream_id)
        window_bytes = entry.receive_window if isinstance(entry, Stream) else 0
        self.take_reset(stream_id)
        self._send_reset(stream_id, code, window_bytes)

    def turn_away(self, stream_id: int) -> None:
        """Want nothing more of a request that was refused by its head."""
        self._send_reset(stream_id, NO_ERROR, self._connection.limits.stream_window_bytes)

    def take_reset(self, stream_id: int) -> None:
        """Take note that the peer has ended a stream."""
        entry = self.entries.get(stream_id)
        if isinstance(entry, Stream):
            self.drop(entry)
        else:
            self.entries.pop(stream_id, None)

    def was_reset(self, stream_id: int) -> bool:
        """Tell whether we ended a stream, of which more may be on its way."""
        return stream_id in self._resets

    def take_stray(self, stream_id: int, size: int, *, is_last: bool) -> bool:
        """Take DATA of a stream that is not open.

        Returns:
            Whether it may have been sent before the peer read that we ended the stream: it
            is no more than the window that was open, and no end of the request came before.
        """
        left = self._resets.get(stream_id, -1) - size
        if left < 0:
            return False
        self._resets[stream_id] = -1 if is_last else left
        return bool(size or is_last)

    def is_reset_in_good_faith(self, stream_id: int) -> bool:
        """Tell whether a reset by the peer is none of a flood.

        Either it crosses ours, or the call was left alone for a while: who waits so long can
        reset no more than all its calls at a time, as a proxy does when a client of many
        calls goes, or when the deadlines of many clients pass. Envoy has the same rule.
        """
        if self._resets.pop(stream_id, None) is not None:
            return True
        entry = self.entries.get(stream_id)
        return isinstance(entry, Stream) and time.monotonic() - entry.begun_at >= _PATIENT_SECONDS

    def drop_all(self) -> None:
        """End every stream, some at a time: the connection is gone, but others are there."""
        for stream_id in list(islice(self.entries, _DROPPED_AT_ONCE)):
            self.take_reset(stream_id)
        if self.entries:
            self._connection.loop.call_soon(self.drop_all)
        else:
            self._server.lose_connection(self._connection)

    def refuse_all(self, code: grpc.StatusCode, text: str) -> None:
        """End every call with a status."""
        for stream_id in list(self.entries):
            if stream := self.find(stream_id):
                stream.refuse(code, text)

    def _send_reset(self, stream_id: int, code: int, window_bytes: int) -> None:
        self._resets[stream_id] = window_bytes
        if len(self._resets) > _MOST_RESETS_KNOWN:
            self._resets.popitem(last=False)
        self._connection.outbox.add(pack_reset(stream_id, code))
