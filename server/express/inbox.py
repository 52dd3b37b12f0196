"""What has come on a connection and is not taken apart yet."""

from collections.abc import Callable

from server.express.frames import (
    ENHANCE_YOUR_CALM,
    HEADER,
    HEADER_BYTES,
    LEAST_MAX_FRAME,
    ConnectionFault,
)

READ_AHEAD_BYTES = 1 << 16
"""As much as should be read before it is taken apart."""


class Inbox:
    """Keeps bytes until their turn.

    Args:
        hold: Accounts for bytes that are kept; tells whether they may be.

    Attributes:
        data: What has come, as far as it was put together by `join`.
        position: What is before it is done with. It stays until more comes, because to cut
            megabytes at every turn would take longer than the turn.
        bytes: How much there is that is not done with.
    """

    __slots__ = ("_awaited_bytes", "_hold", "_later", "bytes", "data", "position")

    def __init__(self, hold: Callable[[int], bool]) -> None:
        self.data = b""
        self.position = self.bytes = 0
        self._hold = hold
        self._awaited_bytes = 0  # the size of a large frame that is not whole
        self._later: list[bytes] = []

    def add(self, data: bytes) -> bool:
        """Take what came; tell whether there is anything to do: not before a frame is whole."""
        if self.bytes:
            self._later.append(data)
            self.bytes += len(data)
            return self.bytes >= self._awaited_bytes
        self.data = data
        self.bytes = len(data)
        return True

    def join(self) -> bytes:
        """Put together all that has come; a large frame that comes in pieces is copied once."""
        if self._later:
            self.data = b"".join((memoryview(self.data)[self.position :], *self._later))
            self.position = 0
            self._later.clear()
        return self.data

    def finish(self, position: int) -> None:
        """Take note that all before a position is done with.

        Raises:
            ConnectionFault: The frame that comes next would be more than the server keeps.
        """
        self.bytes = left = len(self.data) - position
        if left:
            self.position = position
        else:
            self.data, self.position = b"", 0
        if left >= HEADER_BYTES or self._awaited_bytes:
            self._look_ahead()

    def drop(self) -> None:
        """Give back what was accounted for; the connection is gone."""
        self._await(0)

    def _look_ahead(self) -> None:
        size = 0
        if self.bytes >= HEADER_BYTES:
            high, low, *_ = HEADER.unpack_from(self.data, self.position)
            size = HEADER_BYTES + (high << 8 | low)
        awaited = size if size > max(self.bytes, LEAST_MAX_FRAME) else 0
        if awaited != self._awaited_bytes and not self._await(awaited):
            raise ConnectionFault(ENHANCE_YOUR_CALM, "held")

    def _await(self, size: int) -> bool:
        change, self._awaited_bytes = size - self._awaited_bytes, size
        return self._hold(change)
