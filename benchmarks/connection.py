"""A connection that sends a script and checks every answer, as cheaply as Python can."""

import socket
import struct

import hpack

from benchmarks.scripts import (
    ACK,
    DATA,
    END_STREAM,
    FIRST_WINDOW,
    GOAWAY,
    HEAD,
    HEADERS,
    PING,
    RESET,
    SETTINGS,
    WINDOW_UPDATE,
    Script,
    make_frame,
)

_HEAD_BYTES = HEAD.size
_READ_BYTES = 1 << 18
_STALL_SECONDS = 10
_CREDIT_BYTES = 1 << 30
_HEADER_TABLE_SIZE, _MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 1, 3, 4
_DEFAULT_TABLE_BYTES = 4096


class AnswerWrong(Exception):
    """The server did not answer as it must; the text says how."""


class Connection:
    """Sends calls and counts answers.

    Every answer's message is compared with the first one's, bit by bit. The headers of the
    first answer are decoded and checked; `decode_all` has that done for all.

    Args:
        address: HOST:PORT.
        script: What is sent.
        depth: How many calls are in flight.
        same: Whether messages must be equal, not only as long; some servers put ids in.
        decode_all: Whether to decode the headers of every answer.

    Attributes:
        socket: The socket.
        done: How many calls of the script are answered.
        answer: The first answer's message, behind gRPC's five bytes.

    Raises:
        AnswerWrong: The first call failed.
    """

    def __init__(
        self,
        address: str,
        script: Script,
        depth: int,
        *,
        same: bool = True,
        decode_all: bool = False,
    ) -> None:
        self.done = 0
        self.answer = b""
        self._script = script
        self._calls = memoryview(script.calls)
        self._depth = depth
        self._same = same
        self._decoder: hpack.Decoder | None = hpack.Decoder()
        self._buffer = b""
        self._sent = 0
        self._answers = 0
        self._received_bytes = 0
        self._window = FIRST_WINDOW
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), _STALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open()
        if not decode_all:
            self._decoder = None

    def _open(self) -> None:
        """Make the first call, which fills both ends' dynamic tables."""
        self.socket.sendall(self._script.opener)
        self._window -= self._script.message_bytes
        while not self.done:
            self.pump()
        self.done = self._answers = 0
        self.socket.settimeout(None)  # from here on a poll tells when there is something to read

    @property
    def in_flight(self) -> int:
        """How many calls are sent and not answered."""
        return self._sent - self.done

    @property
    def is_at_end(self) -> bool:
        """Whether every call of the script is sent."""
        return self._sent == self.length

    @property
    def length(self) -> int:
        """How many calls the script has."""
        return len(self._script.ends)

    def fill(self) -> None:
        """Send as many calls as may be in flight and as the server's window has room for."""
        script, sent = self._script, self._sent
        end = min(self.done + self._depth, self.length)
        start = script.ends[sent - 1] if sent else 0
        data_start = script.data_ends[sent - 1] if sent else 0
        while end > sent and script.data_ends[end - 1] - data_start > self._window:
            end -= 1
        if end > sent:
            self._window -= script.data_ends[end - 1] - data_start
            self._sent = end
            self.socket.sendall(self._calls[start : script.ends[end - 1]])

    def pump(self) -> int:
        """Read what is there and return how many calls that answered.

        Raises:
            AnswerWrong: A call failed, an answer differs, or the connection ended.
        """
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise AnswerWrong("the server closed the connection")
        if self._buffer:
            data = self._buffer + data
        before = self.done
        position, size = 0, len(data)
        while size - position >= _HEAD_BYTES:
            high, low, kind, flags, stream = HEAD.unpack_from(data, position)
            body = position + _HEAD_BYTES
            stop = body + (high << 8 | low)
            if stop > size:
                break
            self._take(kind, flags, stream, data[body:stop])
            position = stop
        self._buffer = data[position:]
        if self._received_bytes > _CREDIT_BYTES:
            self._give_credit()
        return self.done - before

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == HEADERS:
            if self._decoder:
                self._check_headers(body)
            if flags & END_STREAM and stream not in self._script.cancelled:
                self.done += 1
        elif kind == DATA:
            self._received_bytes += len(body)
            if stream not in self._script.cancelled:
                self._check_answer(body)
        else:
            self._control(kind, flags, stream, body)

    def _check_answer(self, message: bytes) -> None:
        self._answers += 1
        if message != self.answer:
            if self.answer and (self._same or len(message) != len(self.answer)):
                raise AnswerWrong(f"an answer differs from the first: {message.hex()}")
            self.answer = self.answer or message

    def check_end(self) -> None:
        """Check that each answered call had a message: one that failed has none.

        Raises:
            AnswerWrong: That is not so.
        """
        if self._answers != self.done or self.in_flight:
            raise AnswerWrong(f"{self._sent} calls, {self.done} ends, {self._answers} messages")

    def _check_headers(self, block: bytes) -> None:
        assert self._decoder
        for name, value in self._decoder.decode(block, raw=True):
            wrong = {b":status": b"200", b"grpc-status": b"0"}.get(name, value) != value
            if wrong:
                raise AnswerWrong(f"an answer has {name!r} {value!r}")

    def _control(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if kind == WINDOW_UPDATE:
            if not stream:
                self._window += int.from_bytes(body, "big")
        elif kind == SETTINGS and not flags & ACK:
            self._check_settings(body)
            self.socket.sendall(make_frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(make_frame(PING, ACK, 0, body))
        elif kind == GOAWAY:
            raise AnswerWrong(f"GOAWAY with code {int.from_bytes(body[4:8], 'big')}")
        elif kind == RESET and stream not in self._script.cancelled:
            raise AnswerWrong(f"RST_STREAM with code {int.from_bytes(body, 'big')}")

    def _check_settings(self, body: bytes) -> None:
        """Refuse what a script, which is written before it is known, would break."""
        least = {
            _HEADER_TABLE_SIZE: _DEFAULT_TABLE_BYTES,
            _MAX_CONCURRENT_STREAMS: self._depth,
            _INITIAL_WINDOW_SIZE: self._script.message_bytes,
        }
        for key, value in struct.iter_unpack(">HI", body):
            if value < least.get(key, 0):
                raise AnswerWrong(f"the server's setting {key} is {value}: too little for this")

    def _give_credit(self) -> None:
        credit = struct.pack(">I", self._received_bytes)
        self.socket.sendall(make_frame(WINDOW_UPDATE, 0, 0, credit))
        self._received_bytes = 0
