"""HTTP/2 frames by hand (RFC 9113, section 6), malformed ones too."""

import struct
from collections.abc import Mapping
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

from hpack import Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME = 16_384


class Kind(IntEnum):
    """Frame types."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntFlag):
    """Flags; ACK is END_STREAM in other frames."""

    END_STREAM = 1
    ACK = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 32


class Code(IntEnum):
    """Error codes."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Frame(NamedTuple):
    """A frame as it was read; HEADERS with the fields of their block."""

    kind: int
    flags: int
    stream: int
    body: bytes
    fields: dict[str, str]


def frame(kind: int, flags: int = 0, stream: int = 0, body: bytes = b"") -> bytes:
    """Write any frame down."""
    return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body


def settings(values: Mapping[Any, int] | None = None) -> bytes:
    """A SETTINGS frame."""
    pairs = (values or {}).items()
    return frame(Kind.SETTINGS, body=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def settings_ack() -> bytes:
    """The acknowledgement of SETTINGS."""
    return frame(Kind.SETTINGS, Flag.ACK)


def ping(body: bytes = b"contract") -> bytes:
    """A PING frame."""
    return frame(Kind.PING, body=body)


def window_update(stream: int, size: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream: int, code: int = Code.CANCEL) -> bytes:
    """A RST_STREAM frame."""
    return frame(Kind.RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last_stream: int = 0, code: int = Code.NO_ERROR) -> bytes:
    """A GOAWAY frame."""
    return frame(Kind.GOAWAY, body=struct.pack(">II", last_stream, code))


def data(stream: int, body: bytes, *, end: bool = False) -> bytes:
    """A DATA frame."""
    return frame(Kind.DATA, Flag.END_STREAM if end else 0, stream, body)


def padded(kind: int, flags: int, stream: int, body: bytes, padding: int) -> bytes:
    """Write a DATA or HEADERS frame with padding."""
    return frame(kind, flags | Flag.PADDED, stream, bytes([padding]) + body + bytes(padding))


def message(body: bytes, *, compressed: int = 0) -> bytes:
    """Put the prefix of gRPC's length-prefixed messages before a message."""
    return struct.pack(">BI", compressed, len(body)) + body


Fields = list[tuple[str, str]]


def request_fields(path: str, *more: tuple[str, str], without: str = "") -> Fields:
    """Name the header fields of a gRPC call; `more` replaces, `without` leaves one out."""
    usual = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    } | dict(more)
    return [(name, value) for name, value in usual.items() if name != without]


def block(fields: Fields) -> bytes:
    """Encode a header block that leaves the peer's dynamic table alone."""
    encoder = Encoder()
    # A third element of a field says "never indexed".
    made: bytes = encoder.encode([(name, value, True) for name, value in fields], huffman=False)
    return made


def headers(stream: int, fields: Fields, *, end: bool = False) -> bytes:
    """A HEADERS frame with a whole header block."""
    flags = Flag.END_HEADERS | (Flag.END_STREAM if end else 0)
    return frame(Kind.HEADERS, flags, stream, block(fields))
