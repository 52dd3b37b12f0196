"""The messages of an Arrow file or stream, one at a time, each checked before it is decoded.

Sources: Arrow's Columnar.rst ("Serialization and Interprocess Communication") for the framing,
Message.fbs and File.fbs for the fields, and FlatBuffers' internals for tables. A file is a
stream between its magic and a footer, so one reader does for both.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from training.table_limits import MAX_BLOCK_BYTES

FILE_MAGIC = b"ARROW1\0\0"
FILE_END = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
END = STREAM_MAGIC + b"\0\0\0\0"
MAX_METADATA_BYTES = 16 << 20

_HEADER_TYPE, _HEADER, _BODY_LENGTH = 1, 2, 3
_BATCH_LENGTH, _BATCH_BUFFERS, _BATCH_COMPRESSION = 0, 2, 3
_DICTIONARY_DATA = 1
_BUFFER_BYTES = 16
_FOOTER_DICTIONARIES, _FOOTER_BATCHES = 2, 3
_BLOCK_BYTES = 24


class MessageInvalid(Exception):
    """The file is damaged, or says something that is not so."""


class Kind(IntEnum):
    """What a message holds."""

    SCHEMA = 1
    DICTIONARY = 2
    BATCH = 3


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Attributes:
        kind: What it holds.
        content: All its bytes, framing included.
        row_count: How many rows it says it has; 0 for a schema.
        size_bytes: How long its buffers say they are when uncompressed.
    """

    kind: Kind
    content: bytes
    row_count: int
    size_bytes: int


def read_messages(path: Path) -> Iterator[Message]:
    """Read the messages of a file or a stream: the schema, then what needs it.

    Raises:
        MessageInvalid: A length is not that of what follows, or a message is of no known kind.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if file.read(len(FILE_MAGIC)) == FILE_MAGIC:
            yield from _read_file(file, size)
            return
        file.seek(0)
        while message := _read_message(file, size):
            yield message


def _read_file(file: BinaryIO, size: int) -> Iterator[Message]:
    """Read the messages where the footer says that they are; dictionaries may be the last."""
    tail = len(FILE_END) + 4
    file.seek(size - tail)
    end = file.read(tail)
    length = int.from_bytes(end[:4], "little")
    if end[4:] != FILE_END or length > min(MAX_METADATA_BYTES, size - tail - len(FILE_MAGIC)):
        raise MessageInvalid("its end is not that of an Arrow file")
    file.seek(size - tail - length)
    blocks = _find_blocks(file.read(length))
    yield _read_schema(file, min(blocks, default=size - tail - length))
    for offset in blocks:
        if not len(FILE_MAGIC) < offset < size:
            raise MessageInvalid("its footer names a batch outside of the file")
        file.seek(offset)
        if message := _read_message(file, size):
            yield message


def _find_blocks(footer: bytes) -> list[int]:
    """List where the dictionaries begin, then where the batches do."""
    try:
        table = _Table(footer, struct.unpack_from("<I", footer)[0])
        return [
            block[0]
            for field in (_FOOTER_DICTIONARIES, _FOOTER_BATCHES)
            if table.has(field)
            for block in table.structs(field, "<q", _BLOCK_BYTES)
        ]
    except struct.error as error:
        raise MessageInvalid("its footer is damaged") from error


def _read_schema(file: BinaryIO, end: int) -> Message:
    """Read the schema of a file, up to what follows it; some writers leave out its framing."""
    file.seek(len(FILE_MAGIC))
    length = end - len(FILE_MAGIC)
    if not 0 < length <= MAX_METADATA_BYTES:
        raise MessageInvalid("its footer leaves no place for the schema")
    content = file.read(length)
    if not content.startswith(STREAM_MAGIC):
        content = STREAM_MAGIC + len(content).to_bytes(4, "little") + content
    return Message(Kind.SCHEMA, content, 0, 0)


def _read_message(file: BinaryIO, size: int) -> Message | None:
    head = file.read(8)
    if head in (END, b""):
        return None
    if len(head) < 8 or head[:4] != STREAM_MAGIC:  # noqa: PLR2004  mark and length
        raise MessageInvalid("where a message should begin there is something else")
    length = int.from_bytes(head[4:], "little")
    if length > min(MAX_METADATA_BYTES, size - file.tell()):
        raise MessageInvalid("a message says that it is longer than the file")
    metadata = file.read(length)
    try:
        message = _Table(metadata, struct.unpack_from("<I", metadata)[0])
        kind = Kind(message.number(_HEADER_TYPE, "<B"))
        body_length = message.number(_BODY_LENGTH, "<q")
        if not 0 <= body_length <= min(MAX_BLOCK_BYTES, size - file.tell()):
            raise MessageInvalid(
                "a message says that its body is longer than the file, or than the"
                f" {MAX_BLOCK_BYTES >> 20} MiB that are read at a time"
            )
        body = file.read(body_length)
        rows, decoded = _measure(kind, message.table(_HEADER), body)
    except (struct.error, ValueError) as error:
        raise MessageInvalid("the description of a message is damaged") from error
    return Message(kind, head + metadata + body, rows, decoded)


def _measure(kind: Kind, header: "_Table", body: bytes) -> tuple[int, int]:
    """Tell how many rows a message says it has, and how long it is when uncompressed."""
    if kind is Kind.SCHEMA:
        return 0, 0
    batch = header.table(_DICTIONARY_DATA) if kind is Kind.DICTIONARY else header
    rows = batch.number(_BATCH_LENGTH, "<q")
    if not batch.has(_BATCH_COMPRESSION):
        return rows, len(body)
    # A compressed buffer begins with its length when uncompressed; -1 says that it is not.
    total = 0
    for offset, length in batch.structs(_BATCH_BUFFERS, "<qq", _BUFFER_BYTES):
        if not 0 <= offset <= offset + length <= len(body):
            raise MessageInvalid("a buffer lies outside of its message")
        said = struct.unpack_from("<q", body, offset)[0] if length else 0
        total += length if said < 0 else said
    return rows, total


class _Table:
    """A FlatBuffers table: its fields are found through a table of offsets before it."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._offsets = position - struct.unpack_from("<i", data, position)[0]
        if self._offsets < 0:
            raise MessageInvalid("the description of a message is damaged")
        self._offsets_bytes = struct.unpack_from("<H", data, self._offsets)[0]

    def _find(self, field: int) -> int:
        """Return where a field is; 0 if the table does not have it."""
        place = 4 + 2 * field
        if place + 2 > self._offsets_bytes:
            return 0
        offset: int = struct.unpack_from("<H", self._data, self._offsets + place)[0]
        return self._position + offset if offset else 0

    def has(self, field: int) -> bool:
        return self._find(field) > 0

    def number(self, field: int, form: str) -> int:
        place = self._find(field)
        value: int = struct.unpack_from(form, self._data, place)[0] if place else 0
        return value

    def table(self, field: int) -> "_Table":
        return _Table(self._data, self._follow(field))

    def structs(self, field: int, form: str, size: int) -> Iterator[tuple[int, ...]]:
        """Yield the numbers of each struct of a vector."""
        place = self._follow(field)
        (count,) = struct.unpack_from("<I", self._data, place)
        for index in range(count):
            yield struct.unpack_from(form, self._data, place + 4 + index * size)

    def _follow(self, field: int) -> int:
        place = self._find(field)
        if not place:
            raise MessageInvalid("the description of a message lacks a part")
        target: int = place + struct.unpack_from("<I", self._data, place)[0]
        return target
