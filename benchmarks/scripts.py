"""What a connection sends, written before the clock starts: HTTP/2 frames by hand.

h2load sends the same headers with every call. These scripts can have a header with another
value on each, and can cancel calls, which costs nothing while they are sent. The rules are
those of RFC 9113 and RFC 7541; real gRPC clients send such blocks: what repeats is indexed in
the dynamic table, what does not is a literal without indexing.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS = 4
HEAD = struct.Struct(">HBBBI")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LARGEST_WINDOW = (1 << 31) - 1
FIRST_WINDOW = 65_535
INFER = b"/inference.GRPCInferenceService/ModelInfer"
WATCH = b"/grpc.health.v1.Health/Watch"
UNIQUE_HEADER = b"x-trace-id"
UNIQUE_BYTES = 15  # in hexadecimal, 30 characters

_CANCEL = struct.pack(">I", 8)
_WATCH_CALLS = 16  # how many calls later a watched stream is cancelled


@dataclass(frozen=True, slots=True)
class Script:
    """What one connection sends.

    Attributes:
        opener: The preface and a first call, on stream 1.
        calls: All other calls, one after the other.
        ends: Where each of them ends; what comes before a call and is cancelled belongs to it.
        data_ends: The same, in bytes that flow control counts.
        cancelled: The streams that are cancelled, whose answers do not matter.
        message_bytes: The size of a message as flow control counts it.
    """

    opener: bytes
    calls: bytes
    ends: list[int]
    data_ends: list[int]
    cancelled: frozenset[int]
    message_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write a script of.

    Attributes:
        authority: HOST:PORT.
        framed: The request behind gRPC's five bytes.
        calls: How many calls there are that are answered.
        unique: Whether each has a header with a value of its own.
        cancel_every: After how many of them there is one more, which is cancelled; 0 is never.
    """

    authority: str
    framed: bytes
    calls: int
    unique: bool = False
    cancel_every: int = 0


def make_frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """Write a frame."""
    return HEAD.pack(len(body) >> 8, len(body) & 255, kind, flags, stream) + body


def write_script(plan: Plan) -> Script:
    """Write everything that one connection sends."""
    writer = _Writer(plan)
    parts, ends, data_ends = [], [], []
    end = data_end = 0
    for part, data_bytes in writer.write_calls():
        parts.append(part)
        end += len(part)
        data_end += data_bytes
        ends.append(end)
        data_ends.append(data_end)
    cancelled = frozenset(writer.cancelled)
    size = len(plan.framed)
    return Script(writer.opener, b"".join(parts), ends, data_ends, cancelled, size)


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cancelled: list[int] = []
        self._stream = 1
        first, self._block = _make_blocks(plan.authority.encode())
        window = struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW)
        self.opener = (
            PREFACE
            + make_frame(SETTINGS, 0, 0)
            + make_frame(WINDOW_UPDATE, 0, 0, window)
            + make_frame(HEADERS, END_HEADERS, 1, first)
            + make_frame(DATA, END_STREAM, 1, plan.framed)
        )

    def write_calls(self) -> Iterator[tuple[bytes, int]]:
        """Write one answered call after the other, with the bytes that flow control counts."""
        every = self.plan.cancel_every
        size = len(self.plan.framed)
        watched: dict[int, int] = {}
        for index in range(self.plan.calls):
            before, data_bytes = b"", 0
            if index in watched:
                before = make_frame(RESET, 0, watched.pop(index), _CANCEL)
            if every and index % every == 0:
                more, data_bytes = self._write_cancelled(index, index // every, watched)
                before += more
            yield before + self._write_call(), data_bytes + size

    def _write_call(self) -> bytes:
        stream = self._next_stream()
        block = self._block + _make_unique() if self.plan.unique else self._block
        return make_frame(HEADERS, END_HEADERS, stream, block) + make_frame(
            DATA, END_STREAM, stream, self.plan.framed
        )

    def _write_cancelled(self, index: int, turn: int, watched: dict[int, int]) -> tuple[bytes, int]:
        """Write a call and its cancelling, in turn: sent whole, sent in part, and a stream."""
        stream = self._next_stream()
        self.cancelled.append(stream)
        reset = make_frame(RESET, 0, stream, _CANCEL)
        head = make_frame(HEADERS, END_HEADERS, stream, self._block)
        if turn % 3 == 0:
            data = self.plan.framed
            return head + make_frame(DATA, END_STREAM, stream, data) + reset, len(data)
        if turn % 3 == 1:
            data = self.plan.framed[: len(self.plan.framed) // 2]
            return head + make_frame(DATA, 0, stream, data) + reset, len(data)
        watched[min(index + _WATCH_CALLS, self.plan.calls - 1)] = stream
        head = make_frame(HEADERS, END_HEADERS, stream, _change_path(self._block, WATCH))
        data = bytes(5)  # an empty message: the health of the whole server
        return head + make_frame(DATA, END_STREAM, stream, data), len(data)

    def _next_stream(self) -> int:
        self._stream += 2
        return self._stream


def _make_blocks(authority: bytes) -> tuple[bytes, bytes]:
    """Write the headers of a first call, which fills the dynamic table, and of any later one."""
    first = b"".join(
        [
            b"\x83\x86",  # :method POST, :scheme http, both of the static table
            b"\x44" + _text(INFER),  # :path, the static table's fourth name
            b"\x41" + _text(authority),
            b"\x5f" + _text(b"application/grpc"),  # content-type
            b"\x7a" + _text(b"modelyard-benchmark"),  # user-agent
            b"\x40" + _text(b"te") + _text(b"trailers"),
        ]
    )
    # The newest entry of the dynamic table is number 62.
    return first, b"\x83\x86" + bytes([0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62])


def _change_path(block: bytes, path: bytes) -> bytes:
    return block[:2] + b"\x04" + _text(path) + block[3:]


def _make_unique() -> bytes:
    return b"\x00" + _text(UNIQUE_HEADER) + _text(os.urandom(UNIQUE_BYTES).hex().encode())


def _text(value: bytes) -> bytes:
    assert len(value) < 127  # noqa: PLR2004 - a longer one has its length in several bytes
    return bytes([len(value)]) + value
