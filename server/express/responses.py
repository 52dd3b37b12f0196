"""Header blocks of answers: constants for the ordinary case, literals for the rest.

The ordinary case has one field in its headers and one in its trailers beside :status. They
are put into the peer's dynamic table once, and are one byte each from then on. Blocks must
be sent in the order they are made, because the table is one.
"""

from typing import Final

import grpc

from server.express.hpack import TABLE_BYTES, pack_integer, pack_literal, pack_string
from server.express.metadata import Metadata, pack_metadata, quote_message

_STATUS_200: Final = b"\x88"  # static index 8
_STATUS_NAME: Final = 8
_TYPE_NAME: Final = 31  # the static index of content-type
_TYPE: Final = pack_string(b"application/grpc")
_LITERAL_TYPE: Final = pack_integer(_TYPE_NAME, 0x00, 0x0F) + _TYPE
_LITERAL_OK: Final = pack_literal(b"grpc-status", b"0")
_LEAST_TABLE: Final = 128  # both entries take 104

_INSERT_TYPE: Final = pack_integer(_TYPE_NAME, 0x40, 0x3F) + _TYPE
_INSERT_OK: Final = b"\x40" + pack_string(b"grpc-status") + pack_string(b"0")
# What the peer's table holds: nothing of ours; the type at 62; the type at 63, the status at 62.
_EMPTY, _HAS_TYPE, _HAS_BOTH, _UNUSABLE = range(4)
_HEADS: Final = (
    _STATUS_200 + _INSERT_TYPE,
    _STATUS_200 + b"\xbe",
    _STATUS_200 + b"\xbf",
    _STATUS_200 + _LITERAL_TYPE,
)
_TAILS: Final = (_LITERAL_OK, _INSERT_OK, b"\xbe", _LITERAL_OK)


class ResponseBlocks:
    """Makes the header blocks of one connection's answers, in the order they are sent.

    Attributes:
        is_settled: Whether `head` and `tail` of an ordinary answer are `HEAD` and `TAIL`.
    """

    __slots__ = ("_prefix", "_state", "is_settled")

    HEAD: Final = _HEADS[_HAS_BOTH]
    TAIL: Final = _TAILS[_HAS_BOTH]

    def __init__(self) -> None:
        self._state = _EMPTY
        self._prefix = b""
        self.is_settled = False

    def resize_table(self, most_bytes: int) -> None:
        """Take note of the table size that the peer allows; the table begins anew."""
        most_bytes = min(most_bytes, TABLE_BYTES)
        self._prefix = b"\x20" + pack_integer(most_bytes, 0x20, 0x1F)
        self._state = _EMPTY if most_bytes >= _LEAST_TABLE else _UNUSABLE
        self.is_settled = False

    def make_head(self, metadata: Metadata = (), encoding: str = "") -> bytes:
        """Make the headers of an answer."""
        rest = pack_metadata(metadata)  # may raise: before the state of the table changes
        if encoding:
            rest = pack_literal(b"grpc-encoding", encoding.encode()) + rest
        block = self._take_prefix() + _HEADS[self._state] + rest
        if self._state == _EMPTY:
            self._state = _HAS_TYPE
        return block

    def make_tail(self, code: grpc.StatusCode, details: str, metadata: Metadata = ()) -> bytes:
        """Make the trailers of an answer."""
        rest = pack_metadata(metadata)
        if code is not grpc.StatusCode.OK or details:
            return self._take_prefix() + pack_status(code, details) + rest
        block = self._take_prefix() + _TAILS[self._state] + rest
        if self._state == _HAS_TYPE:
            self._state = _HAS_BOTH
            self.is_settled = True
        return block

    def make_only(self, code: grpc.StatusCode, details: str, metadata: Metadata = ()) -> bytes:
        """Make the one block of an answer without messages: headers and trailers."""
        rest = pack_status(code, details) + pack_metadata(metadata)
        return self.make_head() + rest

    def make_http(self, http_status: int, details: str) -> bytes:
        """Make the answer to a request that is HTTP, but no gRPC."""
        status = pack_integer(_STATUS_NAME, 0, 0x0F) + pack_string(str(http_status).encode())
        return self._take_prefix() + status + pack_status(grpc.StatusCode.INTERNAL, details)

    def _take_prefix(self) -> bytes:
        prefix, self._prefix = self._prefix, b""
        return prefix


def pack_status(code: grpc.StatusCode, details: str) -> bytes:
    """Write the fields of a status."""
    block = pack_literal(b"grpc-status", str(code.value[0]).encode())
    return block + pack_literal(b"grpc-message", quote_message(details)) if details else block
