"""The `h2` library as client: it checks that every frame of the server is legal when it comes."""

import socket
from collections import defaultdict
from collections.abc import Iterator

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, Event, PingAckReceived, StreamEnded, StreamReset

from tests.contract import frames, scripts
from tests.contract.frames import request_fields
from tests.contract.scripts import script
from tests.contract.service import SERVICE
from tests.contract.test_streams import messages, observe
from tests.contract.transports import express_only
from tests.contract.wire import SILENCE_SECONDS, Answer

PIECE = frames.message(bytes(8000))
MORE_THAN_ANY_WINDOW = 4 << 20


class Peer:
    """A connection whose state machine is h2's.

    Args:
        address: HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), SILENCE_SECONDS)
        self.connection = H2Connection()
        self.connection.initiate_connection()
        self.answers: defaultdict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.flush()

    def flush(self) -> None:
        """Send what h2 wants to be sent."""
        self.socket.sendall(self.connection.data_to_send())

    def receive(self) -> list[Event]:
        """Wait for bytes; h2 raises if the server broke the protocol."""
        data = self.socket.recv(1 << 16)
        assert data, "the server closed the connection"
        events = self.connection.receive_data(data)
        for event in events:
            if isinstance(event, DataReceived):
                self.answers[event.stream_id] += event.data
                self.connection.acknowledge_received_data(
                    event.flow_controlled_length, event.stream_id
                )
            if isinstance(event, StreamEnded | StreamReset):
                self.ended.add(event.stream_id)
        self.flush()
        return events

    def begin(self, method: str) -> int:
        """Open a stream."""
        stream: int = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, request_fields(f"/{SERVICE}/{method}"))
        self.flush()
        return stream

    def room(self, stream: int) -> int:
        """Tell how many bytes may be sent at once."""
        window: int = self.connection.local_flow_control_window(stream)
        return min(window, self.connection.max_outbound_frame_size)

    def push(self, stream: int, data: bytes) -> None:
        """Send data as the windows allow it."""
        while data:
            while not (room := self.room(stream)):
                self.receive()
            self.connection.send_data(stream, data[:room])
            self.flush()
            data = data[room:]

    def round_trip(self) -> None:
        """Wait until the server has seen all that was sent."""
        self.connection.ping(b"contract")
        self.flush()
        while not any(isinstance(event, PingAckReceived) for event in self.receive()):
            pass

    def finish(self, stream: int) -> bytes:
        """End the request and read the answer's data."""
        self.connection.end_stream(stream)
        self.flush()
        while stream not in self.ended:
            self.receive()
        return self.answers[stream]


@pytest.fixture
def peer(address: str) -> Iterator[Peer]:
    peer = Peer(address)
    yield peer
    peer.socket.close()


def test_calls_of_every_kind_are_legal(peer: Peer) -> None:
    steps = [
        scripts.initial(("key", "value")),
        scripts.reply(b"x" * 1000, times=20),
        scripts.trailing(("key-bin", b"\x00")),
    ]
    for method in ("Unary", "Collect", "Generate", "ConverseReadWrite"):
        stream = peer.begin(method)
        peer.push(stream, frames.message(script(*steps)))
        wanted = 20 if method in {"Generate", "ConverseReadWrite"} else 1
        assert messages(Answer(data=peer.finish(stream))) == [b"x" * 1000] * wanted


def test_answers_beyond_every_window_are_legal(peer: Peer) -> None:
    stream = peer.begin("Generate")
    peer.push(stream, frames.message(script(scripts.reply(zeros=1 << 16, times=100))))
    assert len(peer.finish(stream)) == 100 * (5 + (1 << 16))


def test_a_handler_that_reads_gets_any_amount(peer: Peer) -> None:
    stream = peer.begin("ConverseReadWrite")
    peer.push(stream, frames.message(script(scripts.count())))
    peer.push(stream, PIECE * 1000)
    assert messages(Answer(data=peer.finish(stream))) == [b"1000"]


@express_only  # grpcio takes 64 MB and more of requests that nobody reads
@pytest.mark.parametrize("method", ["Converse", "ConverseReadWrite", "Collect"])
def test_a_handler_that_does_not_read_holds_its_client_back(
    peer: Peer, method: str, address: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    stream = peer.begin(method)
    peer.push(stream, frames.message(script(scripts.mark(key), scripts.block(key))))
    observe(address, key)
    endless, sent = PIECE * 10, 0
    while sent < MORE_THAN_ANY_WINDOW:
        if not peer.room(stream):
            peer.round_trip()
        if not (room := peer.room(stream)):
            break
        begin = sent % len(PIECE)
        peer.connection.send_data(stream, endless[begin : begin + room])
        peer.flush()
        sent += room
    assert sent < MORE_THAN_ANY_WINDOW


def test_many_calls_at_once_are_legal(peer: Peer) -> None:
    streams = [peer.begin("ConverseReadWrite") for _ in range(50)]
    for stream in streams:
        peer.push(stream, frames.message(script(scripts.echo())))
    for number, stream in enumerate(streams):
        peer.push(stream, frames.message(bytes([number])))
    for number, stream in enumerate(streams):
        assert messages(Answer(data=peer.finish(stream))) == [bytes([number])]
