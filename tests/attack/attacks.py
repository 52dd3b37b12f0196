"""Attacks on an HTTP/2 server, each known from the wild, and how each must be refused.

Every round is bounded: it ends when the server refuses it, or when it has done what it could.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.attack.line import GREETING, Line
from tests.contract import frames, scripts
from tests.contract.frames import Flag, Kind, Setting, request_fields
from tests.contract.scripts import script
from tests.contract.service import SERVICE
from tests.contract.transports import LARGEST_REQUEST, STREAMS

BURST = 100
BURSTS = 200
CONNECTIONS = 20
BLOCK = frames.block(request_fields(f"/{SERVICE}/Converse"))
CALM = "goaway ENHANCE_YOUR_CALM"
# Where bytes still come when the server closes, its last words may be lost.
CUT_OFF = frozenset({CALM, "lost"})

Said = Counter[str]
Round = Callable[[str], Said]


@dataclass(frozen=True)
class Attack:
    """An attack.

    Attributes:
        name: What it is called.
        round: Carries it out once, on the server at an address; gives what the server said.
        refusals: What of that is a refusal; one of them must come.
    """

    name: str
    round: Round
    refusals: frozenset[str]


def open_stream(stream: int, *, end: bool = False) -> bytes:
    """The HEADERS of a call."""
    flags = Flag.END_HEADERS | (Flag.END_STREAM if end else 0)
    return frames.frame(Kind.HEADERS, flags, stream, BLOCK)


def _flood(
    address: str, bursts: Iterable[bytes], *, begin: bytes = b"", reads: bool = True
) -> Said:
    """Push bursts until the server has had enough."""
    with Line(address, GREETING + begin, reads=reads) as line:
        for burst in bursts:
            if not line.is_open:
                break
            line.push(burst)
        else:
            line.push(frames.goaway())
            line.listen()
        return line.said


def _repeat(frame: bytes) -> Iterable[bytes]:
    return (frame * BURST for _ in range(BURSTS))


def _each_stream(make: Callable[[int], bytes]) -> Iterable[bytes]:
    for burst in range(BURSTS):
        numbers = range(burst * BURST, (burst + 1) * BURST)
        yield b"".join(make(2 * number + 1) for number in numbers)


def _reset_at_once(address: str) -> Said:
    return _flood(address, _each_stream(lambda n: open_stream(n) + frames.reset(n)))


def _provoke_resets(address: str) -> Said:
    """Have the server reset the streams, which counts for none of the peer's own."""
    return _flood(address, _each_stream(lambda n: open_stream(n) + frames.window_update(n, 0)))


def _provoke_closed_streams(address: str) -> Said:
    begin = open_stream(1) + frames.reset(1)
    return _flood(address, _repeat(frames.data(1, b"x")), begin=begin)


def _continue_for_ever(piece: bytes) -> Round:
    begin = frames.frame(Kind.HEADERS, 0, 1, BLOCK)
    more = frames.frame(Kind.CONTINUATION, 0, 1, piece)
    return lambda address: _flood(address, _repeat(more), begin=begin)


def _flood_with(frame: bytes, begin: bytes = b"", *, reads: bool = True) -> Round:
    return lambda address: _flood(address, _repeat(frame), begin=begin, reads=reads)


def _bomb(address: str) -> Said:
    """Put one large field into the table, and name it thousands of times."""
    field = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"v" * 4000  # a length of 127 + 33 + (30 << 7)
    whole = frames.frame(Kind.HEADERS, 5, 1, BLOCK + field)
    named = b"\xbe" * (frames.DEFAULT_FRAME - len(BLOCK))

    def bomb(stream: int) -> bytes:
        return frames.frame(Kind.HEADERS, 5, stream, BLOCK + named)

    return _flood(address, (bomb(2 * n + 3) for n in range(BURSTS)), begin=whole)


def _send_large_headers(address: str) -> Said:
    large = frames.block([("x", "y" * 30_000)])
    pieces = [large[at : at + 16_000] for at in range(0, len(large), 16_000)]

    def block(stream: int) -> bytes:
        first = frames.frame(Kind.HEADERS, Flag.END_STREAM, stream, BLOCK)
        more = [frames.frame(Kind.CONTINUATION, 0, stream, piece) for piece in pieces]
        return first + b"".join(more) + frames.frame(Kind.CONTINUATION, 4, stream)

    return _flood(address, (block(2 * n + 1) for n in range(BURSTS)))


def _held(address: str, greeting: bytes, *, reads: bool = True) -> Said:
    """Open connections, say that much on each, then wait for the server to end them."""
    said: Said = Counter()
    with ExitStack() as stack:
        lines = [
            stack.enter_context(Line(address, greeting, reads=reads)) for _ in range(CONNECTIONS)
        ]
        for line in lines:
            line.listen()
            said += line.said
    return said


def _ask(stream: int, zeros: int, times: int) -> bytes:
    """A call whose answer is large."""
    heads = frames.headers(stream, request_fields(f"/{SERVICE}/GenerateWrite"))
    steps = script(scripts.reply(zeros=zeros, times=times))
    return heads + frames.data(stream, frames.message(steps), end=True)


def _close_windows(address: str) -> Said:
    greeting = frames.PREFACE + frames.settings({Setting.INITIAL_WINDOW_SIZE: 0})
    asked = [_ask(2 * number + 1, 64 << 10, 1) for number in range(STREAMS)]
    return _held(address, greeting + b"".join(asked))


def _read_nothing(address: str) -> Said:
    """Open every window, and leave the answers in the socket."""
    windows = {Setting.INITIAL_WINDOW_SIZE: (1 << 31) - 1}
    greeting = frames.PREFACE + frames.settings(windows) + frames.window_update(0, 1 << 30)
    asked = b"".join(_ask(2 * number + 1, 1 << 20, 20) for number in range(STREAMS))
    with Line(address, greeting + asked, reads=False) as line:
        line.wait_for_loss()
        return line.said


def _send_half_messages(address: str) -> Said:
    half = struct.pack(">BI", 0, LARGEST_REQUEST) + bytes(8000)
    echo = frames.block(request_fields(f"/{SERVICE}/Echo"))
    sent = [
        frames.frame(Kind.HEADERS, 4, 2 * n + 1, echo) + frames.data(2 * n + 1, half)
        for n in range(STREAMS)
    ]
    return _held(address, GREETING + b"".join(sent))


def _announce_large_messages(address: str) -> Said:
    prefix = struct.pack(">BI", 0, (1 << 32) - 1)
    return _flood(address, _each_stream(lambda n: open_stream(n) + frames.data(n, prefix)))


def _open_streams(address: str) -> Said:
    return _flood(address, _each_stream(open_stream))


def _open_connections(address: str) -> Said:
    said: Said = Counter()
    with ExitStack() as stack:
        lines = [stack.enter_context(Line(address)) for _ in range(300)]
        for line in lines:
            line.listen()
            said += line.said
    return said


OPENED = open_stream(1)
ATTACKS = [
    Attack("rapid-reset", _reset_at_once, CUT_OFF),
    Attack("provoked-resets", _provoke_resets, CUT_OFF),
    Attack("data-of-closed-streams", _provoke_closed_streams, CUT_OFF),
    Attack("continuation-flood", _continue_for_ever(b"\x00\x01a\x01b"), CUT_OFF),
    Attack("empty-continuation-flood", _continue_for_ever(b""), CUT_OFF),
    Attack("empty-data-flood", _flood_with(frames.data(1, b""), OPENED), CUT_OFF),
    Attack("settings-flood", _flood_with(frames.settings()), CUT_OFF),
    Attack("settings-ack-flood", _flood_with(frames.settings_ack()), CUT_OFF),
    Attack("ping-flood", _flood_with(frames.ping()), CUT_OFF),
    Attack("ping-flood-unread", _flood_with(frames.ping(), reads=False), CUT_OFF),
    Attack("priority-flood", _flood_with(frames.frame(2, 0, 1, bytes(5))), CUT_OFF),
    Attack("unknown-frame-flood", _flood_with(frames.frame(99, 0, 0, b"x")), CUT_OFF),
    Attack("window-flood", _flood_with(frames.window_update(0, 1)), CUT_OFF),
    Attack("hpack-bomb", _bomb, frozenset({CALM, "status 8"})),
    Attack("large-header-lists", _send_large_headers, frozenset({CALM, "status 8"})),
    Attack("zero-window", _close_windows, frozenset({CALM, "closed", "reset CANCEL"})),
    Attack("slow-read", _read_nothing, frozenset({"lost"})),
    Attack(
        "slow-loris",
        lambda address: _held(address, frames.PREFACE[:10]),
        frozenset({"goaway SETTINGS_TIMEOUT", "closed"}),
    ),
    Attack(
        "half-frames", lambda address: _held(address, GREETING + b"\0\x40"), frozenset({"closed"})
    ),
    Attack("half-messages", _send_half_messages, frozenset({"status 4", "status 8"})),
    Attack("large-messages", _announce_large_messages, frozenset({"status 8", CALM})),
    Attack("stream-count", _open_streams, frozenset({"reset REFUSED_STREAM", CALM})),
    Attack("connection-count", _open_connections, frozenset({CALM})),
    Attack("idle-connections", lambda address: _held(address, GREETING), frozenset({"closed"})),
]
