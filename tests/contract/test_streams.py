"""Streams byte by byte: flow control both ways, resets, half-closes, messages in pieces."""

from collections.abc import Iterator

import pytest

from tests.contract import frames, scripts
from tests.contract.frames import Code, Flag, Kind, Setting, request_fields
from tests.contract.scripts import script
from tests.contract.service import SERVICE
from tests.contract.violations import ECHO
from tests.contract.wire import Answer, Wire

SMALL_WINDOW = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 10})
MANY_PIECES = 200


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
    got = wire.read()
    while got and got.kind not in {Kind.DATA, Kind.PING}:
        got = wire.read()
    assert got
    assert (got.kind, got.body) == (Kind.PING, b"no more?")
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
        wire.send(start(method, scripts.reply(b"x" * 50_000)))
        read_data(wire, 0)
        wire.send(frames.settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20}))
        answer = wire.answer(1)
        assert messages(answer) == [b"x" * 50_000]


def test_answers_share_the_window_of_the_connection(address: str) -> None:
    greeting = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20})
    with Wire(address, greeting) as wire:
        wire.send(*(start("Generate", scripts.reply(zeros=40_000), stream=n) for n in (1, 3, 5)))
        read_data(wire, frames.DEFAULT_WINDOW)
        wire.send(frames.window_update(0, 10))
        read_data(wire, 10)
        wire.send(frames.window_update(0, 1 << 20))
        rest, ended = 0, 0
        while ended < 3:
            got = wire.read()
            assert got
            rest += len(got.body) if got.kind == Kind.DATA else 0
            ended += bool(got.kind == Kind.HEADERS and got.flags & Flag.END_STREAM)
        assert rest == 3 * 40_005 - frames.DEFAULT_WINDOW - 10


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
        for _ in range(50):  # turns of the server's loop, in which it would go on
            wire.send(frames.ping(b"one turn"))
            wire.wait_for(Kind.PING)
        with Wire(address) as other:
            heads = frames.headers(1, request_fields(path("Observe"), ("grpc-timeout", "100m")))
            other.send(heads, frames.data(1, frames.message(key.encode()), end=True))
            assert other.answer(1).status == "4"


# What the client sends.


def test_requests_are_held_back_by_a_handler_that_does_not_read(
    address: str, request: pytest.FixtureRequest
) -> None:
    """The server opens no more than one window for what nobody takes."""
    key = request.node.name
    with Wire(address) as wire:
        wire.send(start("ConverseReadWrite", scripts.mark(key), scripts.block(key), end=False))
        observe(address, key)
        wire.send(frames.ping())
        window, piece = 0, frames.message(bytes(8000))
        for got in wire.frames():
            if got.kind == Kind.WINDOW_UPDATE and got.stream == 1:
                window += int.from_bytes(got.body, "big")
            if got.kind == Kind.PING:
                break
        for _ in range(MANY_PIECES):  # 1.6 MB, which no window of a stream here has room for
            if window + frames.DEFAULT_WINDOW < len(piece):
                return
            window -= len(piece)
            wire.send(frames.data(1, piece), frames.ping())
            for got in wire.frames():
                if got.kind == Kind.WINDOW_UPDATE and got.stream == 1:
                    window += int.from_bytes(got.body, "big")
                if got.kind == Kind.PING and got.flags == Flag.ACK:
                    break
        pytest.fail("the window of a stream that nobody reads was opened again and again")


def test_a_handler_that_reads_gets_any_amount(wire: Wire) -> None:
    wire.send(start("ConverseReadWrite", scripts.count(), end=False))
    windows = {0: frames.DEFAULT_WINDOW, 1: frames.DEFAULT_WINDOW}
    piece = frames.message(bytes(8000))
    for _ in range(2 * MANY_PIECES):
        while min(windows.values()) < len(piece):
            got = wire.wait_for(Kind.WINDOW_UPDATE)
            windows[got.stream] += int.from_bytes(got.body, "big")
        wire.send(frames.data(1, piece))
        windows = {stream: window - len(piece) for stream, window in windows.items()}
    wire.send(frames.data(1, b"", end=True))
    assert messages(wire.answer(1)) == [b"400"]


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
