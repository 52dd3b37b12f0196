"""Length-prefixed messages in DATA frames, packed or not (gRPC over HTTP/2)."""

import struct
import zlib
from typing import Final

import grpc

from server.express.frames import LEAST_MAX_FRAME

PREFIX: Final = struct.Struct(">BI")
PREFIX_BYTES: Final = PREFIX.size
# With its prefix, the first piece of a large message fills a frame that every peer takes.
_FIRST_BYTES: Final = LEAST_MAX_FRAME - PREFIX_BYTES

# What zlib takes for each encoding, as the largest window and the format.
_WINDOW_BITS: Final = {"gzip": 31, "deflate": 15}
_NAMES: Final = {grpc.Compression.Gzip: "gzip", grpc.Compression.Deflate: "deflate"}

_SMALL_BYTES: Final = 4096


class MessageRefused(Exception):
    """A message can't be taken.

    Args:
        code: The status of the call.
        text: Why, for the caller.
    """

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class MessageReader:
    """Puts the messages of one stream together.

    Args:
        encoding: How packed messages are packed.
        most_bytes: The largest message.
    """

    __slots__ = ("_encoding", "_kept_bytes", "_most_bytes", "_needed_bytes", "_packed", "_pieces")

    def __init__(self, encoding: str, most_bytes: int) -> None:
        self._encoding = encoding
        self._most_bytes = most_bytes
        self.clear()

    def clear(self) -> None:
        """Drop what is held."""
        self._pieces: list[bytes] = []
        self._kept_bytes = 0
        self._packed: int | None = None  # the first byte of the message that has begun
        self._needed_bytes = PREFIX_BYTES

    @property
    def held_bytes(self) -> int:
        """How much of a message waits for the rest of it."""
        return self._kept_bytes + (0 if self._packed is None else PREFIX_BYTES)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came and return the messages that are whole now.

        Raises:
            MessageRefused: One is larger than allowed, or can't be unpacked.
        """
        if self._kept_bytes:
            self._keep(data)
            if self._kept_bytes < self._needed_bytes:
                return []
            data = b"".join(self._pieces)  # a large message is copied this once
            self._pieces.clear()
            self._kept_bytes = 0
        messages, at = [], 0
        while len(data) - at >= self._needed_bytes:
            piece = data[at : at + self._needed_bytes]
            at += len(piece)
            if self._packed is None:
                self._begin(piece)
            else:
                messages.append(self._finish(piece))
        if at < len(data):
            self._keep(data[at:])
        return messages

    def _keep(self, data: bytes) -> None:
        """Keep a piece; small ones are put together, as each costs some bytes besides."""
        self._kept_bytes += len(data)
        if self._pieces and len(self._pieces[-1]) < _SMALL_BYTES:
            self._pieces[-1] += data
        else:
            self._pieces.append(data)

    def _begin(self, prefix: bytes) -> None:
        packed, length = PREFIX.unpack(prefix)
        self._check(packed, length)
        self._packed = packed
        self._needed_bytes = length

    def _finish(self, body: bytes) -> bytes:
        packed = self._packed
        self._packed = None
        self._needed_bytes = PREFIX_BYTES
        return unpack(body, self._encoding, self._most_bytes) if packed else body

    def _check(self, packed: int, length: int) -> None:
        if length > self._most_bytes:
            raise MessageRefused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the message has {length} bytes; this server takes {self._most_bytes} at most",
            )
        if packed > 1 or (packed and self._encoding not in _WINDOW_BITS):
            raise MessageRefused(
                grpc.StatusCode.INTERNAL, "the message says it is packed, and not how"
            )


def unpack(data: bytes, encoding: str, most_bytes: int) -> bytes:
    """Unpack a message, never making more of it than allowed.

    Raises:
        MessageRefused: It is larger than allowed, or damaged.
    """
    unpacker = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        body = unpacker.decompress(data, most_bytes + 1)
    except zlib.error:
        raise MessageRefused(
            grpc.StatusCode.INTERNAL, f"the message can't be unpacked by {encoding}"
        ) from None
    if len(body) > most_bytes:
        raise MessageRefused(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the message has more than the {most_bytes} bytes that this server takes",
        )
    if not unpacker.eof or unpacker.unused_data:
        raise MessageRefused(
            grpc.StatusCode.INTERNAL, f"the message can't be unpacked by {encoding}"
        )
    return body


def choose_encoding(wanted: grpc.Compression | None, accepts: str) -> str:
    """Choose how answers are packed: as wanted if the caller can read that, else not at all."""
    name = _NAMES.get(wanted, "") if wanted is not None else ""
    return name if name in [word.strip() for word in accepts.split(",")] else ""


def pack_message(body: bytes, encoding: str = "") -> list[memoryview]:
    """Write a message with its prefix, packed if an encoding is named.

    Returns:
        Its pieces: a small one, and the rest of a large message, which is not copied.
    """
    if encoding:
        packer = zlib.compressobj(wbits=_WINDOW_BITS[encoding])
        body = packer.compress(body) + packer.flush()
    first = PREFIX.pack(bool(encoding), len(body)) + body[:_FIRST_BYTES]
    rest = memoryview(body)[_FIRST_BYTES:]
    return [memoryview(first), rest] if rest else [memoryview(first)]
