"""Calls and what must come of them, whichever client makes them and whichever transport answers."""

from dataclasses import dataclass

import grpc

from tests.contract import scripts
from tests.contract.calls import Call, Outcome, only_ours
from tests.contract.scripts import Pairs, Step, script
from tests.contract.service import GENERIC_SERVICE
from tests.contract.transports import LARGEST_REQUEST

EVERY_ERROR = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
UNARY = ["Unary", "Collect", "CollectRead"]
STREAMS = ["Generate", "GenerateWrite", "Converse", "ConverseReadWrite"]
TALKS = ["Converse", "ConverseReadWrite"]

METADATA: Pairs = (
    ("key", "one"),
    ("key", "two"),
    ("key-bin", b"\x00\xff"),
    ("key-bin", b""),
    ("mixed.chars_1-2", "! ~"),
    ("long", "x" * 4000),
)
SORTED_METADATA = only_ours(METADATA)
MESSAGES = [
    "plain",
    "",
    "100% of %20",
    "line\r\nline\ttab",
    "zu groß, 太大, \N{SNAKE}",
    "\x00\x7f",
    "long " * 500 + "end",
]


@dataclass(frozen=True)
class Case:
    """A call and its outcome.

    Attributes:
        name: What it is about.
        call: The call.
        outcome: What must come of it.
    """

    name: str
    call: Call
    outcome: Outcome


def play(method: str, *steps: Step, more: tuple[bytes, ...] = ()) -> Call:
    """Make the call that has the steps played."""
    return Call(method, (script(*steps), *more))


def _messages() -> list[Case]:
    sizes = [0, 1, 16_379, 16_384, 65_535, LARGEST_REQUEST]
    echoes = [
        Case(f"echo-{size}", Call("Echo", (bytes(size),)), Outcome("OK", messages=(bytes(size),)))
        for size in sizes
    ]
    large = [
        Case(
            f"large-answer-{method}",
            play(method, scripts.reply(b"x", zeros=5 << 20)),
            Outcome("OK", messages=(b"x" + bytes(5 << 20),)),
        )
        for method in ("Unary", "Generate", "ConverseReadWrite")
    ]
    too_large = Outcome("RESOURCE_EXHAUSTED", None)
    over = bytes(LARGEST_REQUEST + 1)
    generic = [
        Case(f"generic-{name}", Call(f"/{GENERIC_SERVICE}/{name}", (request,)), outcome)
        for name, request, outcome in [
            ("Echo", b"x", Outcome("OK", messages=(b"x",))),
            ("Unary", script(scripts.abort("ABORTED", "no")), Outcome("ABORTED", "no")),
            ("Converse", script(scripts.reply(b"x")), Outcome("OK", messages=(b"x",))),
        ]
    ]
    refused = [
        Case("request-over-the-limit", Call("Echo", (over,)), too_large),
        Case(
            "streamed-request-over-the-limit",
            play("Converse", scripts.echo(), more=(over,)),
            too_large,
        ),
        Case("gzip-request-over-the-limit", Call("Echo", (over,), gzip=True), too_large),
    ]
    return echoes + large + generic + refused


def _streams() -> list[Case]:
    many = tuple(str(number).encode() * number for number in range(200))
    answers = [
        Case(
            f"answers-{method}",
            play(method, scripts.reply(b"a"), scripts.reply(b"b" * 9000, times=300)),
            Outcome("OK", messages=(b"a", *[b"b" * 9000] * 300)),
        )
        for method in STREAMS
    ]
    empty = [Case(f"no-answer-{method}", play(method), Outcome("OK")) for method in STREAMS]
    echoes = [
        Case(
            f"echo-{method}", play(method, scripts.echo(), more=many), Outcome("OK", messages=many)
        )
        for method in TALKS
    ]
    counts = [
        Case(
            f"count-{method}",
            play(method, scripts.count(), more=many),
            Outcome("OK", messages=(b"200",)),
        )
        for method in (*TALKS, "Collect", "CollectRead")
    ]
    return answers + empty + echoes + counts


def _early_ends() -> list[Case]:
    """The server ends the call while the client has not said that it is done sending.

    All that is sent is read before: grpcio's clients lose the answer of a call that ends
    while they send.
    """
    calls = [
        (name, Call(method, (script(*steps), b"1", b"2"), hold_open=True), outcome)
        for method in (*TALKS, "Collect", "CollectRead")
        for name, steps, outcome in [
            (
                f"early-end-{method}",
                [scripts.read(2), scripts.reply(b"x")],
                Outcome("OK", messages=(b"x",)),
            ),
            (
                f"early-abort-{method}",
                [scripts.read(2), scripts.abort("OUT_OF_RANGE", "enough")],
                Outcome("OUT_OF_RANGE", "enough"),
            ),
        ]
    ]
    return [Case(*parts) for parts in calls]


def _statuses() -> list[Case]:
    codes = [
        Case(f"abort-{code}", play("Unary", scripts.abort(code, "why")), Outcome(code, "why"))
        for code in EVERY_ERROR
    ]
    messages = [
        Case(
            f"message-{text[:8]!a}",
            play("Unary", scripts.abort("ABORTED", text)),
            Outcome("ABORTED", text),
        )
        for text in MESSAGES
    ]
    after_messages = [
        Case(
            f"abort-after-a-message-{method}",
            play(method, scripts.reply(b"x"), scripts.abort("DATA_LOSS", "ü", ("t", "1"))),
            Outcome("DATA_LOSS", "ü", (b"x",), trailing=(("t", "1"),)),
        )
        for method in STREAMS
    ]
    dropped = [
        Case(
            f"abort-drops-the-answer-{method}",
            play(method, scripts.reply(b"x"), scripts.abort("ABORTED", "no")),
            Outcome("ABORTED", "no"),
        )
        for method in UNARY
    ]
    return codes + messages + after_messages + dropped + _set_statuses() + _faults()


def _set_statuses() -> list[Case]:
    details = (("grpc-status-details-bin", b"\x08\x05\x12\x01d"),)
    rich = scripts.abort_with_status("NOT_FOUND", "d", *details)
    coded = [scripts.status("UNAVAILABLE", "später"), scripts.reply(b"x")]
    return [
        *(
            Case(f"rich-{method}", play(method, rich), Outcome("NOT_FOUND", "d", trailing=details))
            for method in UNARY + STREAMS
        ),
        *(
            Case(f"set-code-{method}", play(method, *coded), Outcome("UNAVAILABLE", "später"))
            for method in UNARY
        ),
        *(
            Case(
                f"set-code-{method}",
                play(method, *coded),
                Outcome("UNAVAILABLE", "später", (b"x",)),
            )
            for method in STREAMS
        ),
    ]


def _faults() -> list[Case]:
    text = "Unexpected <class 'RuntimeError'>: boom"
    raised = [
        Case(f"raise-{method}", play(method, scripts.fail("boom")), Outcome("UNKNOWN", text))
        for method in UNARY + STREAMS
    ]
    late = [
        Case(
            f"raise-after-a-message-{method}",
            play(method, scripts.reply(b"x"), scripts.fail("boom")),
            Outcome("UNKNOWN", text, (b"x",)),
        )
        for method in STREAMS
    ]
    unknown = Outcome("UNIMPLEMENTED", "Method not found!")
    paths = ["Nothing", "/contract.Play2/Echo", "/a/b/c", "/contract.Play/echo"]
    missing = [Case(f"unknown-{path}", Call(path), unknown) for path in paths]
    none = [
        Case(f"none-{method}", play(method), Outcome("OK", messages=(b"",))) for method in UNARY
    ]
    return raised + late + missing + none


def _metadata() -> list[Case]:
    both = [scripts.initial(*METADATA), scripts.trailing(*METADATA)]
    sent = [
        Case(
            f"metadata-{method}",
            play(method, *both, scripts.reply(b"x")),
            Outcome("OK", "", (b"x",), SORTED_METADATA, SORTED_METADATA),
        )
        for method in UNARY + STREAMS
    ]
    alone = [
        Case(
            f"initial-metadata-alone-{method}",
            play(method, scripts.initial(("a", "b"))),
            Outcome("OK", initial=(("a", "b"),)),
        )
        for method in STREAMS
    ]
    refused = [
        Case(
            f"metadata-and-abort-{method}",
            play(method, *both, scripts.abort("ABORTED", "no")),
            Outcome("ABORTED", "no", initial=SORTED_METADATA, trailing=SORTED_METADATA),
        )
        for method in UNARY + STREAMS
    ]
    return sent + alone + refused


def _compression() -> list[Case]:
    text = b"again and " * 10_000
    return [
        Case("gzip-request", Call("Echo", (text,), gzip=True), Outcome("OK", messages=(text,))),
        Case(
            "gzip-requests",
            Call("ConverseReadWrite", (script(scripts.echo()), text, b"", text), gzip=True),
            Outcome("OK", messages=(text, b"", text)),
        ),
        *(
            Case(
                f"gzip-answer-{method}",
                play(method, scripts.compress(), scripts.reply(text)),
                Outcome("OK", messages=(text,)),
            )
            for method in UNARY + STREAMS
        ),
    ]


CASES = [
    *_messages(),
    *_streams(),
    *_early_ends(),
    *_statuses(),
    *_metadata(),
    *_compression(),
]
