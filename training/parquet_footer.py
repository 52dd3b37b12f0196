"""What a Parquet file says of itself: read before anything is decoded, as it may be a bomb.

The footer is a `FileMetaData` in Thrift's compact protocol. Sources: parquet-format's
parquet.thrift for the fields, Thrift's thrift-compact-protocol.md for the encoding.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 64 << 20

_TAIL_BYTES = 8
_MAX_DEPTH = 16
_MAX_VARINT_BYTES = 10
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_LONG_LIST = 15


class FooterInvalid(Exception):
    """The footer is damaged."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A part of the file, as the footer describes it.

    Attributes:
        row_count: How many rows it has.
        column_count: How many leaf columns it has.
        size_bytes: The length of its pages when uncompressed.
    """

    row_count: int
    column_count: int
    size_bytes: int


def read_row_groups(path: Path) -> list[RowGroup]:
    """Read what a file says of its row groups.

    Raises:
        FooterInvalid: There is no footer that can be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < _TAIL_BYTES + len(MAGIC):
            raise FooterInvalid("it is too short")
        file.seek(size - _TAIL_BYTES)
        tail = file.read(_TAIL_BYTES)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != MAGIC or length > min(MAX_FOOTER_BYTES, size - _TAIL_BYTES):
            raise FooterInvalid("its end is not that of a Parquet file")
        file.seek(size - _TAIL_BYTES - length)
        footer = file.read(length)
    try:
        return [_row_group(group) for group in _Compact(footer).struct(0)[4]]
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise FooterInvalid("its footer is damaged") from error


def _row_group(group: dict[int, Any]) -> RowGroup:
    chunks = [chunk[3] for chunk in group[1]]
    return RowGroup(group[3], len(chunks), sum(chunk[6] for chunk in chunks))


class _Compact:
    """Reads Thrift's compact protocol: structs as dictionaries by field id."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _MAX_DEPTH:
            raise FooterInvalid("its footer is nested too deeply")
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 15
            field = field + delta if delta else self._zigzag()
            # A boolean field has its value in its type.
            fields[field] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth + 1)
        if kind == _DOUBLE:
            return self._take(8)
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        raise FooterInvalid("its footer holds a kind of value that Parquet does not have")

    def _list(self, depth: int) -> list[Any]:
        if depth > _MAX_DEPTH:
            raise FooterInvalid("its footer is nested too deeply")
        head = self._byte()
        count = head >> 4 if head >> 4 < _LONG_LIST else self._varint()
        # Every element takes a byte at least, so a list that lies ends with the data.
        return [self._value(head & 15, depth) for _ in range(count)]

    def _byte(self) -> int:
        value = self._data[self._position]
        self._position += 1
        return value

    def _take(self, length: int) -> bytes:
        if self._position + length > len(self._data):
            raise FooterInvalid("its footer ends too early")
        self._position += length
        return self._data[self._position - length : self._position]

    def _varint(self) -> int:
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 127) << 7 * index
            if byte < 128:  # noqa: PLR2004  the highest bit says that more follows
                return value
        raise FooterInvalid("its footer holds a number that is too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
