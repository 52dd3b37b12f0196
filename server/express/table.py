"""The open calls of one connection, and what is left of those that ended early."""

from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

import grpc

from server.express.frames import CANCEL, NO_ERROR, STREAM_CLOSED, pack_reset
from server.express.heads import RequestHead
from server.express.stream import Stream

if TYPE_CHECKING:
    from server.express.connection import Connection

_DROPPED_AT_ONCE = 4
_NOTHING = -1


class StreamTable:
    """Keeps streams by their ids.

    Args:
        connection: Whose they are.

    Attributes:
        entries: What is open: a head whose message is awaited, or a stream.
        last_id: The highest id that the peer has used.
    """

    __slots__ = ("_connection", "_most_resets", "_resets", "_server", "entries", "last_id")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._server = connection.server
        self.entries: dict[int, RequestHead | Stream] = {}
        self.last_id = 0
        # Streams that we ended, of which more may be on its way, and how many bytes of each. The
        # peer opens no more than so many until it has read that some have ended.
        self._resets: OrderedDict[int, int] = OrderedDict()
        self._most_resets = connection.limits.streams

    def streams(self) -> list[Stream]:
        """List the streams; a head whose message is awaited is none yet."""
        return [entry for entry in self.entries.values() if isinstance(entry, Stream)]

    def find(self, stream_id: int) -> Stream | None:
        """Find a stream; a head whose message is awaited becomes one."""
        entry = self.entries.get(stream_id)
        if isinstance(entry, RequestHead):
            return self._connection.make_stream(stream_id, entry)
        return entry

    def open_begun(self, stream_ids: list[int]) -> None:
        """Make streams of those heads whose messages have not come at once."""
        for stream_id in stream_ids:
            if stream_id in self.entries:
                self.find(stream_id)
        stream_ids.clear()

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
            self._remember(stream.id, stream.receive_window)
            self._connection.outbox.add(pack_reset(stream.id, NO_ERROR))
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
        window = self._connection.limits.stream_window_bytes
        if isinstance(entry, Stream):
            window = entry.receive_window
        self.take_reset(stream_id)
        # Whoever sends on a stream that is closed knew that.
        self._remember(stream_id, _NOTHING if code == STREAM_CLOSED else window)
        self._connection.outbox.add(pack_reset(stream_id, code))

    def take_reset(self, stream_id: int) -> None:
        """Take note that the peer has ended a stream."""
        entry = self.entries.get(stream_id)
        if isinstance(entry, Stream):
            self.drop(entry)
        else:
            self.entries.pop(stream_id, None)

    def bears_reset(self, stream_id: int) -> bool:
        """Tell whether a call may be reset at will: it has lasted, or we ended it before."""
        entry = self.entries.get(stream_id)
        if entry is None:
            return self.take_rest(stream_id, 0, is_last=True)
        return isinstance(entry, Stream) and entry.had_its_time

    def was_reset(self, stream_id: int) -> bool:
        """Tell whether we ended a stream, of which more may be on its way."""
        return stream_id in self._resets

    def take_rest(self, stream_id: int, size: int, *, is_last: bool) -> bool:
        """Take note of bytes of a stream that we ended, or of the peer's end of it.

        Returns:
            Whether that may have been on its way: the window had room, and it had no end yet.
        """
        left = self._resets.get(stream_id, _NOTHING) - size
        if stream_id in self._resets:
            self._resets[stream_id] = _NOTHING if is_last else max(left, _NOTHING)
        return left >= 0

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

    def _remember(self, stream_id: int, window_bytes: int) -> None:
        self._resets[stream_id] = window_bytes
        if len(self._resets) > self._most_resets:
            self._resets.popitem(last=False)
