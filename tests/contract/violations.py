"""What a peer must not send, and what has to come of it (RFC 9113)."""

import struct
from dataclasses import dataclass

from tests.contract import frames
from tests.contract.frames import Flag, Kind, Setting, request_fields
from tests.contract.scripts import block, script
from tests.contract.service import SERVICE

ECHO = f"/{SERVICE}/Echo"
CONVERSE = f"/{SERVICE}/Converse"
HEADERS = frames.headers(1, request_fields(ECHO))
BLOCK = frames.block(request_fields(ECHO))
OPEN_HEADERS = frames.frame(Kind.HEADERS, 0, 1, BLOCK)
LAST_CONTINUATION = frames.frame(Kind.CONTINUATION, Flag.END_HEADERS, 1)
GREATEST_WINDOW = (1 << 31) - 1


@dataclass(frozen=True)
class Violation:
    """Something that is wrong.

    Attributes:
        name: What.
        sent: The bytes, after the greeting.
        wanted: Each reaction that is right; see `wire.reaction`.
        reference: What grpcio does instead, being more lenient.
    """

    name: str
    sent: bytes
    wanted: frozenset[str]
    reference: str = "closed"


def _violation(name: str, sent: bytes, wanted: str, reference: str = "closed") -> Violation:
    return Violation(name, sent, frozenset(wanted.split("|")), reference)


def _headers(flags: int, body: bytes) -> bytes:
    return frames.frame(Kind.HEADERS, flags | Flag.END_HEADERS, 1, body)


PROTOCOL = "goaway PROTOCOL_ERROR"
SIZE = "goaway FRAME_SIZE_ERROR"
COMPRESSION = "goaway COMPRESSION_ERROR"
# An id below the last is that of a closed stream, and an unexpected one as well.
PROTOCOL_OR_CLOSED = f"{PROTOCOL}|goaway STREAM_CLOSED"

STREAM_STATES = [
    _violation("data-on-an-idle-stream", frames.data(1, b"x"), PROTOCOL, "ignored"),
    _violation("window-on-an-idle-stream", frames.window_update(1, 5), PROTOCOL, "ignored"),
    _violation("reset-of-an-idle-stream", frames.reset(1), PROTOCOL, "ignored"),
    _violation("headers-on-stream-0", frames.headers(0, request_fields(ECHO)), PROTOCOL, "ignored"),
    _violation("even-stream", frames.headers(2, request_fields(ECHO)), PROTOCOL, "ignored"),
    _violation(
        "falling-stream",
        frames.headers(3, request_fields(CONVERSE)) + frames.headers(1, request_fields(CONVERSE)),
        PROTOCOL_OR_CLOSED,
        "ignored",
    ),
    _violation("data-on-stream-0", frames.data(0, b"x"), PROTOCOL, "ignored"),
    _violation("reset-of-stream-0", frames.reset(0), PROTOCOL, "ignored"),
    _violation(
        "push-promise",
        frames.frame(Kind.PUSH_PROMISE, Flag.END_HEADERS, 1, struct.pack(">I", 2) + BLOCK),
        PROTOCOL,
        "ignored",
    ),
    _violation(
        "data-after-the-end",
        frames.headers(1, request_fields(CONVERSE))
        + frames.data(1, frames.message(script(block("data-after-the-end"))), end=True)
        + frames.data(1, b"x"),
        "reset STREAM_CLOSED|goaway STREAM_CLOSED",
        "ignored",
    ),
    _violation(
        "data-after-a-reset",
        HEADERS + frames.reset(1) + frames.data(1, b"x"),
        "ignored|reset STREAM_CLOSED",
    ),
]

SIZES = [
    _violation("settings-of-5-bytes", frames.frame(Kind.SETTINGS, body=bytes(5)), SIZE),
    _violation("settings-ack-of-6-bytes", frames.frame(Kind.SETTINGS, 1, 0, bytes(6)), SIZE),
    _violation("ping-of-7-bytes", frames.frame(Kind.PING, body=bytes(7)), SIZE),
    _violation("goaway-of-7-bytes", frames.frame(Kind.GOAWAY, body=bytes(7)), SIZE),
    _violation("window-of-3-bytes", frames.frame(Kind.WINDOW_UPDATE, body=bytes(3)), SIZE),
    _violation("reset-of-3-bytes", HEADERS + frames.frame(Kind.RST_STREAM, 0, 1, bytes(3)), SIZE),
    _violation("data-of-5-mb", HEADERS + frames.data(1, bytes(5 << 20)), SIZE),
    _violation("settings-of-16386-bytes", frames.frame(Kind.SETTINGS, body=bytes(16_386)), SIZE),
    _violation(
        "headers-with-half-a-priority", _headers(Flag.PRIORITY, b"abc"), f"{SIZE}|{PROTOCOL}"
    ),
    _violation(
        "priority-of-4-bytes",
        frames.frame(Kind.PRIORITY, 0, 1, bytes(4)),
        f"reset FRAME_SIZE_ERROR|{SIZE}",
        "ignored",
    ),
]

CONNECTION_FRAMES = [
    _violation("settings-on-a-stream", frames.frame(Kind.SETTINGS, 0, 1), PROTOCOL),
    _violation("ping-on-a-stream", frames.frame(Kind.PING, 0, 1, bytes(8)), PROTOCOL, "ignored"),
    _violation(
        "goaway-on-a-stream", frames.frame(Kind.GOAWAY, 0, 1, bytes(8)), PROTOCOL, "ignored"
    ),
    _violation("push-enabled-twice", frames.settings({Setting.ENABLE_PUSH: 2}), PROTOCOL),
    _violation("frames-of-16383", frames.settings({Setting.MAX_FRAME_SIZE: 16_383}), PROTOCOL),
    _violation("frames-of-16-mb", frames.settings({Setting.MAX_FRAME_SIZE: 1 << 24}), PROTOCOL),
]

FLOW_CONTROL = [
    _violation("window-of-2-gb", frames.settings({4: 1 << 31}), "goaway FLOW_CONTROL_ERROR"),
    _violation("no-bytes-for-the-connection", frames.window_update(0, 0), PROTOCOL),
    _violation(
        "no-bytes-for-a-stream", HEADERS + frames.window_update(1, 0), "reset PROTOCOL_ERROR"
    ),
    _violation(
        "connection-window-overflows",
        frames.window_update(0, GREATEST_WINDOW),
        "goaway FLOW_CONTROL_ERROR",
        "ignored",
    ),
    _violation(
        "stream-window-overflows",
        HEADERS + frames.window_update(1, GREATEST_WINDOW),
        "reset FLOW_CONTROL_ERROR",
        "ignored",
    ),
    _violation(
        "stream-window-overflows-by-a-setting",
        HEADERS + frames.window_update(1, 1 << 30) + frames.settings({4: 1 << 30}),
        "goaway FLOW_CONTROL_ERROR",
        "ignored",
    ),
]

HEADER_BLOCKS = [
    _violation("continuation-of-nothing", LAST_CONTINUATION, PROTOCOL),
    _violation(
        "continuation-of-another", OPEN_HEADERS + frames.frame(Kind.CONTINUATION, 4, 3), PROTOCOL
    ),
    *(
        _violation(f"{name}-inside-a-block", OPEN_HEADERS + sent + LAST_CONTINUATION, PROTOCOL)
        for name, sent in [
            ("ping", frames.ping()),
            ("data", frames.data(1, b"")),
            ("unknown", frames.frame(99)),
            ("headers", frames.headers(3, request_fields(ECHO))),
        ]
    ),
    _violation("index-out-of-range", _headers(0, b"\xfe"), COMPRESSION),
    _violation("integer-without-end", _headers(0, b"\xff" * 12), COMPRESSION),
    _violation("field-cut-short", _headers(0, BLOCK[:-3]), COMPRESSION),
    _violation(
        "huffman-of-eos",
        _headers(0, b"\x00\x84\xff\xff\xff\xff\x01a"),
        COMPRESSION,
        "reset PROTOCOL_ERROR|ignored",
    ),
    _violation("table-size-over-the-limit", _headers(0, b"\x3f\xff\xff\x7f" + BLOCK), COMPRESSION),
    _violation("table-size-after-a-field", _headers(0, BLOCK + b"\x20"), COMPRESSION),
]

PADDING = [
    _violation(
        "data-of-padding-only", HEADERS + frames.frame(0, Flag.PADDED, 1, b"\x05abc"), PROTOCOL,
        "reset PROTOCOL_ERROR|ignored",
    ),
    _violation(
        "data-without-its-padding", HEADERS + frames.frame(0, Flag.PADDED, 1), f"{SIZE}|{PROTOCOL}",
        "reset PROTOCOL_ERROR|ignored",
    ),
    _violation("headers-of-padding-only", _headers(Flag.PADDED, b"\xff" + BLOCK), PROTOCOL),
]  # fmt: skip

VIOLATIONS = [
    *STREAM_STATES,
    *SIZES,
    *CONNECTION_FRAMES,
    *FLOW_CONTROL,
    *HEADER_BLOCKS,
    *PADDING,
]

GREETINGS = {
    "http-1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a-wrong-last-byte": frames.PREFACE[:-1] + b"x" + frames.settings(),
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "no-settings": frames.PREFACE + frames.ping(),
    "no-preface": frames.settings() + HEADERS + bytes(64),
}
"""First bytes that are none of HTTP/2."""
