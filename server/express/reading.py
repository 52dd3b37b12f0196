"""Whether a connection is read: there may be more than one reason not to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.express.connection import Connection


class Reading:
    """Pauses and resumes reading.

    Args:
        connection: Of what.

    Attributes:
        is_paused: Whether there is a reason not to read.
    """

    __slots__ = ("_connection", "_reasons", "is_paused")

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._reasons: set[str] = set()
        self.is_paused = False

    def pause(self, reason: str) -> None:
        """Read no more until that reason is gone."""
        if not self._reasons and not self._connection.closing.is_closed:
            self._connection.transport.pause_reading()
        self._reasons.add(reason)
        self.is_paused = True

    def resume_all(self) -> None:
        """Read on whatever the reasons were."""
        for reason in list(self._reasons):
            self.resume(reason)

    def resume(self, reason: str) -> None:
        """Read on if no other reason is left."""
        if not self.is_paused:
            return
        self._reasons.discard(reason)
        self.is_paused = bool(self._reasons)
        if not self.is_paused and not self._connection.closing.is_closed:
            self._connection.transport.resume_reading()
