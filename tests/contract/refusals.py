"""Requests that HTTP/2 or gRPC does not allow, and what has to come of them."""

import struct
from dataclasses import dataclass

from tests.contract import frames
from tests.contract.frames import request_fields
from tests.contract.transports import LARGEST_REQUEST
from tests.contract.violations import ECHO, HEADERS

REQUEST = frames.data(1, frames.message(b"x"), end=True)


@dataclass(frozen=True)
class Refusal:
    """A request that HTTP/2 or gRPC does not allow.

    Attributes:
        name: What is wrong.
        sent: The frames of the request, on stream 1.
        wanted: Each verdict that is right; see `wire.verdict`.
        reference: What grpcio says instead.
    """

    name: str
    sent: bytes
    wanted: frozenset[str]
    reference: frozenset[str] = frozenset()


def _request(*more: tuple[str, str], without: str = "") -> bytes:
    return frames.headers(1, request_fields(ECHO, *more, without=without)) + REQUEST


def _fields(*fields: tuple[str, str]) -> bytes:
    return frames.headers(1, list(fields)) + REQUEST


def _refusal(name: str, sent: bytes, wanted: str, reference: str = "") -> Refusal:
    return Refusal(name, sent, frozenset(wanted.split("|")), frozenset(reference.split("|")))


USUAL = request_fields(ECHO)
MALFORMED = "reset PROTOCOL_ERROR|http 400"
NO_GRPC = "reset INTERNAL_ERROR|status 0"

MALFORMED_REQUESTS = [
    _refusal("upper-case-name", _request(("X-Up", "1")), MALFORMED, "status 13"),
    _refusal("name-with-a-space", _request(("x up", "1")), MALFORMED, "status 13"),
    _refusal("empty-name", _fields(*USUAL, ("", "1")), MALFORMED, "status 13"),
    _refusal("value-with-a-line-feed", _request(("x", "a\nb")), MALFORMED, "status 0"),
    _refusal("value-with-a-nul", _request(("x", "a\0b")), MALFORMED, "status 0"),
    *(
        _refusal(f"without-{name[1:]}", _request(without=name), MALFORMED, "reset INTERNAL_ERROR")
        for name in (":path", ":method", ":scheme")
    ),
    _refusal("empty-path", _request((":path", "")), MALFORMED, "status 12"),
    _refusal("two-paths", _fields(*USUAL[:4], USUAL[2], *USUAL[4:]), MALFORMED, "status 0"),
    _refusal("two-methods", _fields(USUAL[0], *USUAL), MALFORMED, "status 0"),
    _refusal("pseudo-after-regular", _fields(*USUAL[1:], USUAL[0]), MALFORMED, "status 0"),
    _refusal("unknown-pseudo", _fields((":foo", "x"), *USUAL), MALFORMED, "status 13"),
    _refusal("status-in-a-request", _fields((":status", "200"), *USUAL), MALFORMED, "status 0"),
    *(
        _refusal(f"header-{name}", _request((name, "x")), MALFORMED, "status 0")
        for name in ("connection", "transfer-encoding", "keep-alive", "upgrade", "proxy-connection")
    ),
    _refusal("te-gzip", _request(("te", "gzip")), MALFORMED, "status 13"),
    _refusal(
        "pseudo-in-trailers",
        HEADERS + frames.data(1, frames.message(b"x")) + frames.headers(1, USUAL[:1], end=True),
        MALFORMED,
        "status 0",
    ),
    _refusal(
        "trailers-that-do-not-end",
        HEADERS + frames.data(1, frames.message(b"x")) + frames.headers(1, [("t", "1")]),
        MALFORMED,
        "closed|status 14",
    ),
]

NOT_GRPC = [
    _refusal("get", _request((":method", "GET")), "http 405", NO_GRPC),
    _refusal("put", _request((":method", "PUT")), "http 405", NO_GRPC),
    _refusal("json", _request(("content-type", "application/json")), "http 415", NO_GRPC),
    _refusal("grpc-web", _request(("content-type", "application/grpc-web")), "http 415", NO_GRPC),
    _refusal("no-content-type", _request(without="content-type"), "http 415", NO_GRPC),
]

BAD_CALLS = [
    *(
        _refusal(
            f"timeout-{value}", _request(("grpc-timeout", value)), "status 13|status 3", reference
        )
        for value, reference in [
            ("", ""),
            ("S", ""),
            ("abc", ""),
            ("-1S", ""),
            ("1s", ""),
            ("1.5S", ""),
            ("123456789S", "status 0"),  # the protocol has eight digits at most
        ]
    ),
    _refusal("binary-that-is-no-base64", _request(("key-bin", "***")), "status 13|status 3"),
    _refusal("path-without-a-slash", _request((":path", "abc")), "status 12"),
    _refusal("path-of-a-folder", _request((":path", "/")), "status 12"),
    _refusal("unknown-encoding", _request(("grpc-encoding", "snappy")), "status 12", "status 13"),
    *(
        _refusal(name, HEADERS + frames.data(1, sent, end=True), wanted, reference)
        for name, sent, wanted, reference in [
            ("compressed-without-encoding", frames.message(b"x", compressed=1), "status 13", ""),
            ("unknown-flag", frames.message(b"x", compressed=2), "status 13", "status 0"),
            ("two-messages", frames.message(b"x") * 2, "status 12|status 13", "status 0"),
            ("half-a-message", frames.message(b"xx")[:-1], "status 12|status 13", "silence"),
            ("half-a-prefix", b"\0\0\0", "status 12|status 13", "silence"),
            ("no-message", b"", "status 12|status 13", "silence"),
        ]
    ),
    _refusal(
        "broken-gzip",
        frames.headers(1, request_fields(ECHO, ("grpc-encoding", "gzip")))
        + frames.data(1, frames.message(b"x", compressed=1), end=True),
        "status 13",
    ),
    *(
        _refusal(
            f"{size}-announced", HEADERS + frames.data(1, struct.pack(">BI", 0, size)), "status 8"
        )
        for size in (LARGEST_REQUEST + 1, (1 << 32) - 1)
    ),
]

REFUSALS = [*MALFORMED_REQUESTS, *NOT_GRPC, *BAD_CALLS]
