"""Streams byte by byte: flow control of answers, resets, half-closes, messages in pieces."""

from collections.abc import Iterator

import pytest

from tests.contract import frames, scripts
from tests.contract.frames import Code, Flag, Kind, Setting, request_fields
from tests.contract.scripts import script
from tests.contract.service import SERVICE
from tests.contract.transports import express_only
from tests.contract.violations import ECHO
from tests.contract.wire import Answer, Wire

SMALL_WINDOW = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 10})


@pytest.fixture
def wire(address: str) -> Iterator[Wire]:
    with Wire(address) as wire:
        yield wire


def path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def start(method: str, *steps: scripts.Step, stream: int = 1, end: bool = True) -> bytes:
    """The frames of a call that has the steps played."""
    heads = frames.headers(stream, request_fields(path(method)))
    return heads + frames.data(stream, frames.message(script(*steps)), end=end)


def observe(address: str, key: str) -> None:
    """Wait until the server has seen the event."""
    with Wire(address) as wire:
        assert wire.call(path("Observe"), key.encode()).status == "0"


def messages(answer: Answer) -> list[bytes]:
    """Take the messages of an answer apart."""
    found, rest = [], answer.data
    while rest:
        size = int.from_bytes(rest[1:5], "big")
        found.append(rest[5 : 5 + size])
        rest = rest[5 + size :]
    return found


def read_data(wire: Wire, count: int) -> bytes:
    """Read exactly so many bytes of DATA, then make sure that no more come."""
    body = b""
    while len(body) < count:
        body += wire.wait_for(Kind.DATA).body
    wire.send(frames.ping(b"no more?"))
    for got in wire.frames():
        if got.kind == Kind.PING and got.body == b"no more?":
            break
        assert got.kind != Kind.DATA
    assert len(body) == count
    return body


# What the server sends.


def test_an_answer_keeps_to_the_window_of_its_stream(address: str) -> None:
    with Wire(address, SMALL_WINDOW) as wire:
        wire.send(start("Generate", scripts.reply(b"0123456789" * 3)))
        body = read_data(wire, 10)
        for size in (1, 7, 17):
            wire.send(frames.window_update(1, size))
            body += read_data(wire, size) if size < 17 else b""
        answer = wire.answer(1)
        assert body + answer.data == frames.message(b"0123456789" * 3)
        assert answer.status == "0"


def test_a_window_can_shrink_below_zero(address: str) -> None:
    with Wire(address, SMALL_WINDOW) as wire:
        wire.send(start("Generate", scripts.reply(zeros=100)))
        read_data(wire, 10)
        wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 3}))  # now it is minus seven
        wire.wait_for(Kind.SETTINGS, flags=Flag.ACK)
        wire.send(frames.window_update(1, 7))  # and now zero
        read_data(wire, 0)
        wire.send(frames.window_update(1, 5))
        read_data(wire, 5)
        wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 1000}))
        answer = wire.answer(1)
        assert len(answer.data) == 105 - 10 - 5
        assert answer.status == "0"


@pytest.mark.parametrize("method", ["Unary", "Generate", "ConverseReadWrite"])
def test_a_window_of_nothing_holds_all_data_back(address: str, method: str) -> None:
    greeting = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 0})
    with Wire(address, greeting) as wire:
        wire.send(start(method, scripts.reply(b"x", zeros=50_000)))
        read_data(wire, 0)
        wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20}))
        assert messages(wire.answer(1)) == [b"x" + bytes(50_000)]


def test_answers_share_the_window_of_the_connection(address: str) -> None:
    greeting = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20})
    with Wire(address, greeting) as wire:
        steps = scripts.reply(zeros=1 << 16)
        wire.send(*(start("Generate", steps, stream=stream) for stream in (1, 3, 5)))
        read_data(wire, frames.DEFAULT_WINDOW)
        wire.send(frames.window_update(0, 5))  # one less than the first answer needs
        read_data(wire, 5)
        wire.send(frames.window_update(0, 1 << 20))
        ended: set[int] = set()
        rest = 0
        while ended != {1, 3, 5}:
            got = wire.wait_for(Kind.DATA, Kind.HEADERS)
            rest += len(got.body) if got.kind == Kind.DATA else 0
            ended |= {got.stream} if got.fields.get("grpc-status") == "0" else set()
        assert rest == 3 * (5 + (1 << 16)) - frames.DEFAULT_WINDOW - 5


def test_a_stalled_stream_holds_no_other_back(address: str) -> None:
    with Wire(address, SMALL_WINDOW) as wire:
        wire.send(start("Generate", scripts.reply(zeros=1000)))
        read_data(wire, 10)
        assert wire.call(ECHO, b"1", stream=3).status == "0"
        wire.send(frames.window_update(1, 1000))
        assert wire.answer(1).status == "0"


def test_frames_are_no_larger_than_the_peer_takes(wire: Wire) -> None:
    wire.send(start("Generate", scripts.reply(zeros=60_000)))
    sizes = []
    for got in wire.frames():
        if got.kind == Kind.DATA:
            sizes.append(len(got.body))
        if got.kind == Kind.HEADERS and got.flags & Flag.END_STREAM:
            break
    assert sum(sizes) == 60_005
    assert max(sizes) <= frames.DEFAULT_FRAME


@pytest.mark.parametrize("method", ["GenerateWrite", "Generate"])
def test_a_handler_is_held_back_by_a_client_that_does_not_read(
    address: str, method: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    with Wire(address) as wire:
        steps = [scripts.reply(zeros=1 << 16, times=1000), scripts.mark(key)]
        wire.send(start(method, *steps, scripts.block(f"{key}/end")))
        read_data(wire, frames.DEFAULT_WINDOW)
        with Wire(address) as other:
            for number in range(50):  # turns of the server's loop, in which it would go on
                assert other.call(ECHO, b"x", stream=2 * number + 1).status == "0"
            heads = frames.headers(101, request_fields(path("Observe"), ("grpc-timeout", "100m")))
            other.send(heads, frames.data(101, frames.message(key.encode()), end=True))
            assert other.answer(101).status == "4"


# What the client sends.


def test_a_message_can_come_in_many_frames(wire: Wire) -> None:
    message = frames.message(b"0123456789" * 50)
    wire.send(frames.headers(1, request_fields(ECHO)))
    for position in range(len(message)):
        wire.send(frames.data(1, message[position : position + 1]))
    wire.send(frames.data(1, b"", end=True))
    assert messages(wire.answer(1)) == [b"0123456789" * 50]


def test_a_frame_can_hold_many_messages(wire: Wire) -> None:
    sent = [bytes([number]) * number for number in range(100)]
    body = frames.message(script(scripts.echo())) + b"".join(map(frames.message, sent))
    heads = frames.headers(1, request_fields(path("Converse")))
    wire.send(heads, frames.data(1, body, end=True))
    assert messages(wire.answer(1)) == sent


@express_only  # grpcio resets a stream with padded DATA
def test_data_can_be_padded_and_padding_counts(wire: Wire) -> None:
    wire.send(frames.headers(1, request_fields(ECHO)))
    for byte in frames.message(b"x" * 50):
        wire.send(frames.padded(Kind.DATA, 0, 1, bytes([byte]), 255))
    wire.send(frames.padded(Kind.DATA, Flag.END_STREAM, 1, b"", 255))
    assert messages(wire.answer(1)) == [b"x" * 50]


def test_a_request_can_end_with_trailers(wire: Wire) -> None:
    wire.send(frames.headers(1, request_fields(ECHO)), frames.data(1, frames.message(b"x")))
    wire.send(frames.headers(1, [("checksum", "1")], end=True))
    assert messages(wire.answer(1)) == [b"x"]


# The end.


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("method", ["Unary", "Generate", "ConverseReadWrite"])
def test_a_reset_cancels_the_handler(
    address: str, method: str, code: Code, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    done, begun, cancelled = f"{key}/done", f"{key}/begun", f"{key}/cancelled"
    with Wire(address) as wire:
        steps = [scripts.mark_done(done), scripts.mark(begun), scripts.block(cancelled)]
        wire.send(start(method, *steps))
        observe(address, begun)
        wire.send(frames.reset(1, code))
        observe(address, cancelled)
        observe(address, done)
        assert wire.call(ECHO, b"x", stream=3).status == "0"


def test_a_connection_that_is_lost_cancels_its_handlers(
    address: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    with Wire(address) as wire:
        for number in range(5):
            steps = [scripts.mark(f"{key}/{number}"), scripts.block(f"{key}/{number}/cancelled")]
            wire.send(start("Generate", *steps, stream=2 * number + 1))
            observe(address, f"{key}/{number}")
    for number in range(5):
        observe(address, f"{key}/{number}/cancelled")


def test_a_server_that_ends_first_resets_the_request(wire: Wire) -> None:
    """RFC 9113, 8.1: a whole answer may come before the request is whole."""
    wire.send(start("Converse", scripts.reply(b"x"), end=False))
    assert wire.answer(1).status == "0"
    wire.send(frames.data(1, frames.message(b"late")), frames.ping())
    wire.wait_for(Kind.PING)
    assert wire.call(ECHO, b"x", stream=3).status == "0"
