"""What has come on a connection and is not taken apart yet."""

_READ_AHEAD_BYTES = 1 << 16


class Inbox:
    """Keeps bytes until their turn.

    Attributes:
        data: What has come.
        position: What is before it is done with. It stays until more comes, because to cut
            megabytes at every turn would take longer than the turn.
    """

    __slots__ = ("data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0

    def add(self, data: bytes) -> bool:
        """Take what came; tell whether it is as much as should be read ahead."""
        self.data = self.data[self.position :] + data if self.data else data
        self.position = 0
        return len(self.data) > _READ_AHEAD_BYTES

    def finish(self, position: int) -> None:
        """Take note that all before a position is done with."""
        if position == len(self.data):
            self.data, position = b"", 0
        self.position = position
