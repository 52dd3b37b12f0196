"""HTTP/2 frames: their numbers, and how one is written (RFC 9113, sections 4 to 7 and 11)."""

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES: Final = 9
# Length as 16 + 8 bits, type, flags, stream id.
HEADER: Final = struct.Struct(">HBBBI")
STREAM_ID_MASK: Final = 0x7FFFFFFF
LEAST_MAX_FRAME: Final = 16_384
LARGEST_MAX_FRAME: Final = 16_777_215
FIRST_WINDOW: Final = 65_535
LARGEST_WINDOW: Final = 2**31 - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
SETTINGS_TIMEOUT: Final = 0x4
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB

SETTING: Final = struct.Struct(">HI")
NUMBER: Final = struct.Struct(">I")


class ConnectionFault(Exception):
    """The peer broke the protocol, or a limit, in a way that ends the connection.

    Args:
        code: The HTTP/2 error code of the GOAWAY.
        limit: The limit or rule that was broken; a name for metrics and the debug data.
    """

    def __init__(self, code: int, limit: str) -> None:
        super().__init__(limit)
        self.code = code
        self.limit = limit


class StreamFault(Exception):
    """The peer broke the protocol, or a limit, in a way that ends one stream.

    Args:
        code: The HTTP/2 error code of the RST_STREAM.
        limit: The limit or rule that was broken.
    """

    def __init__(self, code: int, limit: str) -> None:
        super().__init__(limit)
        self.code = code
        self.limit = limit


def pack_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Write a frame; the payload must not be longer than the peer takes."""
    return pack_header(len(payload), kind, flags, stream_id) + payload


def pack_header(size: int, kind: int, flags: int, stream_id: int) -> bytes:
    """Write the header of a frame with a payload of that many bytes."""
    return HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream_id)


def pack_settings(settings: dict[int, int]) -> bytes:
    """Write a SETTINGS frame."""
    payload = b"".join([SETTING.pack(*item) for item in settings.items()])
    return pack_frame(SETTINGS, 0, 0, payload)


def pack_window_update(stream_id: int, size: int) -> bytes:
    """Write a WINDOW_UPDATE frame; stream 0 is the connection."""
    return pack_frame(WINDOW_UPDATE, 0, stream_id, NUMBER.pack(size))


def pack_reset(stream_id: int, code: int) -> bytes:
    """Write an RST_STREAM frame."""
    return pack_frame(RST_STREAM, 0, stream_id, NUMBER.pack(code))


def pack_goaway(last_stream_id: int, code: int, text: str = "") -> bytes:
    """Write a GOAWAY frame; the text is debug data."""
    payload = NUMBER.pack(last_stream_id) + NUMBER.pack(code) + text.encode()
    return pack_frame(GOAWAY, 0, 0, payload)


def strip_padding(flags: int, payload: bytes) -> bytes:
    """Return a frame's payload without its padding.

    Raises:
        ConnectionFault: The padding is as long as the payload, or longer.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(PROTOCOL_ERROR, "padding")
    return payload[1 : len(payload) - payload[0]]
