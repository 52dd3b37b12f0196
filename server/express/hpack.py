"""Header compression (RFC 7541): a lean decoder, and literals that touch no table.

The tables are those of the `hpack` library, and a property test holds the decoder to that
library's answers. It is here because metadata that changes on each call has to be decoded
on each call, and the library takes longer for that than the rest of a call does.
"""

from typing import Final

from hpack.huffman_table import (
    HUFFMAN_COMPLETE,
    HUFFMAN_EMIT_SYMBOL,
    HUFFMAN_FAIL,
    HUFFMAN_TABLE,
)
from hpack.table import HeaderTable

Field = tuple[bytes, bytes]

TABLE_BYTES: Final = 4096
"""The size of a dynamic table, both ways, unless the peer asks for less."""

_STATIC: Final[tuple[Field, ...]] = ((b"", b""), *HeaderTable.STATIC_TABLE)
_STATIC_FIELDS: Final = len(_STATIC)
_ENTRY_BYTES: Final = 32
_LONGEST_INTEGER: Final = 5
_NO_INDEX: Final = b"\x00"
# A list that is that many times too large is no mistake: it is not decoded to its end. Proxies
# pass on lists of 60 KiB (Envoy) and 64 KiB (nghttpx) unless told otherwise; one caller's must
# not end the calls of all others that share the proxy's connection.
BOMB: Final = 8


class HpackInvalid(Exception):
    """A header block is not what RFC 7541 says; the connection can't go on."""


class HpackBomb(Exception):
    """A header block grows out of all proportion; the connection can't go on."""


class Decoder:
    """Decodes the header blocks of one connection, in order.

    Attributes:
        changes: Grows whenever the dynamic table changes. While it stands still, equal
            blocks mean equal fields.
        list_bytes: The size of the last header list, as RFC 9113 6.5.2 counts it.
    """

    __slots__ = ("_bytes", "_entries", "_most_bytes", "changes", "list_bytes")

    def __init__(self) -> None:
        self._entries: list[Field] = []  # the newest first
        self._bytes = 0
        self._most_bytes = TABLE_BYTES
        self.changes = 0
        self.list_bytes = 0

    def decode(  # noqa: C901 - one loop, and each call costs
        self, block: bytes, most_bytes: int
    ) -> list[Field] | None:
        """Decode a block.

        Args:
            block: All of it, continuations included.
            most_bytes: The largest header list, as RFC 9113 6.5.2 counts it.

        Returns:
            The fields, or None if they are more than that; the table is right all the same.

        Raises:
            HpackInvalid: It can't be decoded.
            HpackBomb: Its list is several times too large; it was not decoded to its end.
        """
        fields: list[Field] = []
        entries = self._entries
        at = size = 0
        end = len(block)
        try:
            while at < end:
                first = block[at]
                if 0x80 < first < 0xFF:  # noqa: PLR2004 - an index in one byte, as nearly all are
                    at += 1
                    index = first & 0x7F
                    if index < _STATIC_FIELDS:
                        field = _STATIC[index]
                    else:
                        field = entries[index - _STATIC_FIELDS]
                elif first & 0x80:
                    index, at = _read_integer(block, at, 0x7F)
                    field = self._look_up(index)
                elif first & 0x40:
                    field, at = self._read_literal(block, at, 0x3F)
                    self._insert(field)
                elif first & 0x20:
                    if fields:
                        raise HpackInvalid("a table size inside a block")
                    most, at = _read_integer(block, at, 0x1F)
                    self._resize(most)
                    continue
                else:
                    field, at = self._read_literal(block, at, 0x0F)
                size += len(field[0]) + len(field[1]) + _ENTRY_BYTES
                if size <= most_bytes:
                    fields.append(field)
                elif size > BOMB * most_bytes:
                    raise HpackBomb
        except IndexError as error:
            raise HpackInvalid("a block ends inside a field, or names an unknown one") from error
        self.list_bytes = size
        return fields if size <= most_bytes else None

    def _look_up(self, index: int) -> Field:
        if index >= _STATIC_FIELDS:
            return self._entries[index - _STATIC_FIELDS]
        if index == 0:
            raise HpackInvalid("index 0")
        return _STATIC[index]

    def _read_literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _read_integer(block, at, mask)
        if index:
            name = self._look_up(index)[0]
        else:
            name, at = _read_string(block, at)
        value, at = _read_string(block, at)
        return (name, value), at

    def _insert(self, field: Field) -> None:
        self.changes += 1
        self._entries.insert(0, field)
        self._bytes += len(field[0]) + len(field[1]) + _ENTRY_BYTES
        if self._bytes > self._most_bytes:
            self._evict()

    def _resize(self, most_bytes: int) -> None:
        if most_bytes > TABLE_BYTES:
            raise HpackInvalid("a table larger than was allowed")
        self.changes += 1
        self._most_bytes = most_bytes
        self._evict()

    def _evict(self) -> None:
        while self._bytes > self._most_bytes:
            name, value = self._entries.pop()
            self._bytes -= len(name) + len(value) + _ENTRY_BYTES


def _read_integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read a number whose first bits are those under the mask (RFC 7541, 5.1)."""
    number = block[at] & mask
    at += 1
    if number < mask:
        return number, at
    for shift in range(0, 7 * _LONGEST_INTEGER, 7):
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
            return number, at
    raise HpackInvalid("a number that is too long")


def _read_string(block: bytes, at: int) -> tuple[bytes, int]:
    is_huffman = block[at] & 0x80
    length, at = _read_integer(block, at, 0x7F)
    stop = at + length
    if stop > len(block):
        raise HpackInvalid("a string longer than its block")
    data = block[at:stop]
    return (_decode_huffman(data) if is_huffman else data), stop


class _Transitions(dict[int, tuple[int, bytes]]):
    """What a byte does to a state of the Huffman decoder, worked out when first needed.

    A key is the state times 256 plus the byte, so there are 65,536 at most; a value is the
    next state and the decoded bytes. The library's table has half bytes.
    """

    def __missing__(self, key: int) -> tuple[int, bytes]:
        state, decoded = key >> 8, b""
        for half in (key >> 4 & 0xF, key & 0xF):
            state, flags, symbol = HUFFMAN_TABLE[state << 4 | half]
            if flags & HUFFMAN_FAIL:
                raise HpackInvalid("a string with the end-of-string symbol")
            if flags & HUFFMAN_EMIT_SYMBOL:
                decoded += bytes((symbol,))
        made = self[key] = (state, decoded)
        return made


_TRANSITIONS: Final = _Transitions()
# States in which a string may end: only ones have come since the last symbol, fewer than 8.
_FINAL_STATES: Final = frozenset({0}) | {
    state for state, flags, _ in HUFFMAN_TABLE if flags & HUFFMAN_COMPLETE
}


def _decode_huffman(data: bytes) -> bytes:
    state = 0
    pieces = []
    for byte in data:
        state, piece = _TRANSITIONS[state << 8 | byte]
        pieces.append(piece)
    if state not in _FINAL_STATES:
        raise HpackInvalid("a string with wrong padding")
    return b"".join(pieces)


def pack_integer(number: int, first: int, mask: int) -> bytes:
    """Write a number behind the bits of `first` (RFC 7541, 5.1)."""
    if number < mask:
        return bytes((first | number,))
    written = bytearray((first | mask,))
    number -= mask
    while number >= 0x80:  # noqa: PLR2004 - the bit that says that more bytes follow
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def pack_string(data: bytes) -> bytes:
    """Write a string as it is."""
    return pack_integer(len(data), 0, 0x7F) + data


def pack_literal(name: bytes, value: bytes) -> bytes:
    """Write a field that leaves the peer's dynamic table alone."""
    return _NO_INDEX + pack_string(name) + pack_string(value)
