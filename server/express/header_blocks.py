"""Header blocks of one connection: put together, decoded, and remembered by their bytes."""

from server.express.frames import (
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    PROTOCOL_ERROR,
    ConnectionFault,
)
from server.express.heads import RequestHead, Shape, check_order, split_fields
from server.express.hpack import BOMB, Decoder, Field, HpackBomb, HpackInvalid
from server.express.routes import Routes

_MOST_KNOWN = 64
_MOST_CONTINUATIONS = 16


class HeaderBlocks:
    """Turns header blocks into request heads.

    Real callers repeat their blocks. One that was seen is not decoded again while the
    dynamic table stands still: equal bytes mean equal fields then.

    Args:
        routes: What heads are looked up in, once for equal blocks.
        most_bytes: The largest header list. A larger one is refused, one that is many times
            larger ends the connection.

    Attributes:
        known: Heads by their blocks.
        open_stream: The stream whose block goes on in CONTINUATION frames, or 0.
        open_flags: The flags of the frame that began it.
    """

    __slots__ = (
        "_block_bytes",
        "_decoder",
        "_most_bytes",
        "_pieces",
        "_routes",
        "_shapes",
        "known",
        "open_flags",
        "open_stream",
    )

    def __init__(self, routes: Routes, most_bytes: int) -> None:
        self._routes = routes
        self._most_bytes = most_bytes
        self._decoder = Decoder()
        self.known: dict[bytes, RequestHead] = {}
        self._shapes: dict[tuple[Field, ...], Shape] = {}
        self.open_stream = 0
        self.open_flags = 0
        self._pieces: list[bytes] = []
        self._block_bytes = 1

    def begin(self, stream_id: int, flags: int, piece: bytes) -> None:
        """Take the beginning of a block that goes on."""
        self.open_stream, self.open_flags = stream_id, flags
        self._pieces = [piece]

    def go_on(self, stream_id: int, piece: bytes) -> None:
        """Take more of it.

        Raises:
            ConnectionFault: It belongs to no open block, or is more than is borne.
        """
        if stream_id != self.open_stream or not self.open_stream:
            raise ConnectionFault(PROTOCOL_ERROR, "continuation")
        self._pieces.append(piece)
        too_long = sum(map(len, self._pieces)) > self._most_bytes * BOMB
        if too_long or len(self._pieces) > _MOST_CONTINUATIONS:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "continuation")

    def complete(self) -> bytes:
        """Return the whole block."""
        self.open_stream = 0
        return b"".join(self._pieces)

    def read_head(self, block: bytes) -> RequestHead | None:
        """Read the head of a request, or None if it is larger than allowed.

        Raises:
            ConnectionFault: It can't be decoded.
            StreamFault: It is malformed.
        """
        if head := self.known.get(block):
            return head
        changes = self._decoder.changes
        fields = self.decode(block)
        if self._decoder.changes != changes:
            self.known.clear()
        if fields is None:
            return None
        head = self._make_head(fields)
        if self._decoder.changes == changes:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            self.known[block] = head
        return head

    @property
    def burden(self) -> int:
        """What it cost to refuse the last header list: its KiB, or how many times it grew."""
        grew = self._decoder.list_bytes // self._block_bytes
        return max(grew, self._block_bytes >> 10)

    def forget_heads(self) -> None:
        """Look heads up anew: other methods are answered now, or by other handlers."""
        self.known.clear()
        self._shapes.clear()

    def _make_head(self, fields: list[Field]) -> RequestHead:
        repeated, rest = split_fields(fields)
        shape = self._shapes.get(repeated)
        if shape is None:
            shape = Shape(list(repeated))
            shape.set_route(self._routes.find_kept(shape.path))
            if len(self._shapes) >= _MOST_KNOWN:
                self._shapes.clear()
            self._shapes[repeated] = shape
        check_order(fields, shape)
        return RequestHead(shape, rest)

    def decode(self, block: bytes) -> list[Field] | None:
        """Decode a block, or return None if it is larger than allowed.

        Raises:
            ConnectionFault: It can't be decoded, or is a bomb.
        """
        self._block_bytes = len(block)
        try:
            return self._decoder.decode(block, self._most_bytes)
        except HpackInvalid as error:
            raise ConnectionFault(COMPRESSION_ERROR, "hpack") from error
        except HpackBomb as error:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "header-list") from error
