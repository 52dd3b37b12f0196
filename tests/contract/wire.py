"""A connection on which a test says every byte itself, and reads every frame that comes."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from hpack import Decoder

from tests.contract import frames
from tests.contract.frames import Code, Flag, Frame, Kind

# A server that does not answer is a failure; this bounds how long that takes.
SILENCE_SECONDS = 20.0


@dataclass
class Answer:
    """What a server said on one stream.

    Attributes:
        headers: The first header block.
        data: The bytes of all DATA frames.
        trailers: The last header block, which is the first if there is but one.
        reset: The code of RST_STREAM, if it was reset.
    """

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    reset: Code | None = None

    @property
    def status(self) -> str | None:
        """The gRPC status, if there is one."""
        return self.trailers.get("grpc-status")

    def take(self, got: Frame) -> bool:
        """Add a frame of the stream; say whether it was the last."""
        if got.kind == Kind.RST_STREAM:
            self.reset = Code(int.from_bytes(got.body, "big"))
            return True
        if got.kind == Kind.DATA:
            self.data += got.body
        elif got.kind == Kind.HEADERS:
            self.headers = self.headers or got.fields
            self.trailers = got.fields
        return bool(got.kind in {Kind.DATA, Kind.HEADERS} and got.flags & Flag.END_STREAM)


class Wire:
    """A connection to a server, as a context.

    Args:
        address: HOST:PORT.
        greeting: What is sent first.
    """

    def __init__(self, address: str, greeting: bytes = frames.PREFACE + frames.settings()) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), SILENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self.send(greeting)

    def __enter__(self) -> Self:
        """Give the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Send bytes; a server that has closed meanwhile is seen when reading."""
        try:
            self._socket.sendall(b"".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            return

    def finish(self) -> None:
        """Say that no more bytes come."""
        self._socket.shutdown(socket.SHUT_WR)

    def read(self) -> Frame | None:
        """Read the next frame, and answer it if it is a PING; None at the end of the connection."""
        try:
            head = self._file.read(9)
            if len(head) < 9:
                return None
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            body = self._file.read(size)
            # Every block has to be decoded, in order: they share one table.
            fields = self._decode(flags, body) if kind == Kind.HEADERS else {}
            if kind == Kind.PING and not flags:
                self.send(frames.frame(Kind.PING, Flag.ACK, 0, body))
            return Frame(kind, flags, stream & 0x7FFFFFFF, body, fields)
        except ConnectionResetError:
            return None

    def _decode(self, flags: int, block: bytes) -> dict[str, str]:
        assert flags & Flag.END_HEADERS
        assert not flags & (Flag.PADDED | Flag.PRIORITY)
        return {str(name): str(value) for name, value in self._decoder.decode(block)}

    def frames(self) -> Iterator[Frame]:
        """Read frames until the end of the connection."""
        while got := self.read():
            yield got

    def wait_for(self, *kinds: Kind, flags: int | None = None) -> Frame:
        """Read until a frame of one of those types, and with those flags, comes."""
        for got in self.frames():
            if got.kind in kinds and flags in {None, got.flags}:
                return got
        raise AssertionError(f"the connection ended before {kinds}")

    def answer(self, stream: int) -> Answer:
        """Read until the server has ended the stream."""
        answer = Answer()
        for got in self.frames():
            if got.kind == Kind.GOAWAY and got.body[4:8] != bytes(4):
                break
            if got.stream == stream and answer.take(got):
                return answer
        raise AssertionError(f"the connection ended before stream {stream}: {answer}")

    def call(self, path: str, *requests: bytes, stream: int = 1) -> Answer:
        """Make a call the usual way."""
        body = b"".join(frames.message(request) for request in requests)
        heads = frames.headers(stream, frames.request_fields(path))
        self.send(heads, frames.data(stream, body, end=True))
        return self.answer(stream)


def reaction(wire: Wire) -> str:
    """Say how a server took what it was sent: what it does before it answers a PING, or ends.

    Returns:
        `goaway CODE` or `closed` for an error of the connection, `reset CODE` for one of a
        stream, `status N` for an answer by gRPC, `http N` for one by HTTP, else `ignored`.
    """
    wire.send(frames.ping(b"reaction"))
    said = "ignored"
    for got in wire.frames():
        match got.kind:
            case Kind.PING if got.body == b"reaction":
                return said
            case Kind.GOAWAY:
                return f"goaway {_code(got.body[4:8])}"
            case Kind.RST_STREAM | Kind.HEADERS if said == "ignored":
                said = _verdict(got)
    return "closed"


def verdict(wire: Wire, stream: int) -> str:
    """Say how a server answered a request; like `reaction`, but waits for the answer."""
    for got in wire.frames():
        if got.kind == Kind.GOAWAY:
            return f"goaway {_code(got.body[4:8])}"
        if got.stream == stream and got.kind in {Kind.RST_STREAM, Kind.HEADERS}:
            said = _verdict(got)
            if said != "headers":
                return said
    return "closed"


def _verdict(got: Frame) -> str:
    """Say what one frame says."""
    if got.kind == Kind.RST_STREAM:
        return f"reset {_code(got.body)}"
    http = got.fields.get(":status", "200")
    if http != "200":
        return f"http {http}"
    return f"status {got.fields['grpc-status']}" if "grpc-status" in got.fields else "headers"


def _code(body: bytes) -> str:
    return Code(int.from_bytes(body, "big")).name
