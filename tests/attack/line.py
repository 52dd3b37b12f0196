"""A connection that pushes bytes and only glances at what comes back."""

import select
import selectors
import socket
import struct
import time
from collections import Counter
from typing import Self

from hpack import Decoder

from tests.contract import frames
from tests.contract.frames import Code, Kind

GREETING = frames.PREFACE + frames.settings()
# Refusals by time come within a few seconds, see `transports.make_guarded`.
PATIENCE_SECONDS = 10.0
_READ_BYTES = 1 << 16


class Line:
    """A hostile peer's connection, as a context.

    Args:
        address: HOST:PORT.
        greeting: What is sent first.
        reads: Whether anything is read while there is something to send.

    Attributes:
        said: How often the server said what, as `wire.reaction` has it.
        is_open: Whether the server has the connection still open, as far as is known.
    """

    def __init__(self, address: str, greeting: bytes = GREETING, *, reads: bool = True) -> None:
        host, _, port = address.rpartition(":")
        self.said: Counter[str] = Counter()
        self.is_open = True
        self._reads = reads
        self._buffer = b""
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._socket = socket.create_connection((host, int(port)), PATIENCE_SECONDS)
        self._socket.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self._selector = selectors.DefaultSelector()
        self.push(greeting)

    def __enter__(self) -> Self:
        """Give the connection."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._selector.close()
        self._socket.close()

    def push(self, data: bytes) -> None:
        """Send all of it, or as much as the server takes until it refuses."""
        rest = memoryview(data)
        until = time.monotonic() + PATIENCE_SECONDS
        events = selectors.EVENT_WRITE | (selectors.EVENT_READ if self._reads else 0)
        while rest and self.is_open:
            ready = self._wait(events, until)
            if ready & selectors.EVENT_READ:
                self._read()
            if ready & selectors.EVENT_WRITE and self.is_open:
                rest = rest[self._send(rest) :]

    def listen(self) -> None:
        """Read until the server closes the connection."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_open:
            self._wait(selectors.EVENT_READ, until)
            self._read()

    def wait_for_loss(self) -> None:
        """Read nothing at all until the server gives the connection up."""
        poll = select.poll()
        poll.register(self._socket, 0)
        until = time.monotonic() + PATIENCE_SECONDS
        while self.is_open:
            if poll.poll(200):
                self._close("lost")
                return
            # Where nobody has the connection any more, bytes are answered by its loss.
            self._send(memoryview(frames.ping()))
            if time.monotonic() > until:
                raise TimeoutError("the server waits for ever for a peer that reads nothing")

    def _wait(self, events: int, until: float) -> int:
        """Wait for the socket; raise if the server neither takes, says nor closes anything."""
        self._selector.register(self._socket, events)
        ready = self._selector.select(max(0.0, until - time.monotonic()))
        self._selector.unregister(self._socket)
        if not ready:
            raise TimeoutError("the server neither takes nor refuses it")
        return ready[0][1]

    def _send(self, data: memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self._close("lost")
            return 0

    def _read(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._close("lost")
            return
        if not data:
            self._close("closed")
        self._buffer += data
        self._take_frames()

    def _close(self, how: str) -> None:
        """Note the end: `closed` if the server said it to the end, `lost` if it cut us off."""
        self.is_open = False
        self.said[how] += 1

    def _take_frames(self) -> None:
        position = 0
        while len(self._buffer) - position >= 9:
            size = int.from_bytes(self._buffer[position : position + 3], "big")
            stop = position + 9 + size
            if stop > len(self._buffer):
                break
            kind, _, _ = struct.unpack_from(">BBI", self._buffer, position + 3)
            self._note(kind, self._buffer[position + 9 : stop])
            position = stop
        self._buffer = self._buffer[position:]

    def _note(self, kind: int, body: bytes) -> None:
        if kind == Kind.GOAWAY:
            self.said[f"goaway {Code(int.from_bytes(body[4:8], 'big')).name}"] += 1
        elif kind == Kind.RST_STREAM:
            self.said[f"reset {Code(int.from_bytes(body, 'big')).name}"] += 1
        elif kind == Kind.HEADERS:
            fields = {str(name): str(value) for name, value in self._decoder.decode(body)}
            if "grpc-status" in fields:
                self.said[f"status {fields['grpc-status']}"] += 1
