"""What a handler shall do, written down by the test and sent as the request.

A script is a list of steps in JSON. The test says what happens on the server, step by step, and
so one service covers every behaviour, for every kind of call and every client.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

Value = str | bytes
Pairs = Sequence[tuple[str, Value]]
Step = dict[str, Any]


def script(*steps: Step) -> bytes:
    """Write a script down as a request."""
    return json.dumps(steps).encode()


def read_script(request: bytes) -> list[Step]:
    """Read a script back."""
    steps: list[Step] = json.loads(request)
    return steps


def reply(message: bytes = b"", *, zeros: int = 0, times: int = 1) -> Step:
    """Send a message: `message`, then `zeros` zero bytes; the same `times` over."""
    return {"do": "reply", "message": pack(message), "zeros": zeros, "times": times}


def read(count: int = 1) -> Step:
    """Take so many requests from the stream."""
    return {"do": "read", "count": count}


def echo() -> Step:
    """Send back every request that is still to come."""
    return {"do": "echo"}


def count() -> Step:
    """Take every request that is still to come and send back how many they were."""
    return {"do": "count"}


def initial(*metadata: tuple[str, Value]) -> Step:
    """Send initial metadata."""
    return {"do": "initial", "metadata": pack_pairs(metadata)}


def trailing(*metadata: tuple[str, Value]) -> Step:
    """Set trailing metadata."""
    return {"do": "trailing", "metadata": pack_pairs(metadata)}


def status(code: str, details: str = "") -> Step:
    """Set code and details, without ending the call."""
    return {"do": "status", "code": code, "details": details}


def abort(code: str, details: str = "", *metadata: tuple[str, Value]) -> Step:
    """End the call by `abort`, with trailing metadata."""
    return {"do": "abort", "code": code, "details": details, "metadata": pack_pairs(metadata)}


def abort_with_status(code: str, details: str, *metadata: tuple[str, Value]) -> Step:
    """End the call by `abort_with_status`."""
    return abort(code, details, *metadata) | {"do": "abort_with_status"}


def fail(text: str) -> Step:
    """Raise an exception that nobody handles."""
    return {"do": "fail", "text": text}


def mark(key: str) -> Step:
    """Let whoever observes `key` go on."""
    return {"do": "mark", "key": key}


def mark_done(key: str) -> Step:
    """Mark `key` when the call is done, by a callback."""
    return {"do": "mark_done", "key": key}


def block(key: str) -> Step:
    """Wait for ever; mark `key` when that is cancelled."""
    return {"do": "block", "key": key}


def compress() -> Step:
    """Compress the answers by gzip."""
    return {"do": "compress"}


def report() -> Step:
    """Send back in JSON what the context says of the call."""
    return {"do": "report"}


def pack(value: bytes) -> str:
    """Write bytes as text."""
    return base64.b64encode(value).decode()


def unpack(text: str) -> bytes:
    """Read bytes from text."""
    return base64.b64decode(text)


def pack_pairs(pairs: Iterable[tuple[str, Value]]) -> list[list[str]]:
    """Write metadata as JSON has it: values of `-bin` keys in base64."""
    return [
        [key, pack(value) if isinstance(value, bytes) else value]
        for key, value in sorted(pairs, key=lambda pair: pair[0])
    ]


def unpack_pairs(pairs: Iterable[Sequence[str]]) -> tuple[tuple[str, Value], ...]:
    """Read metadata from JSON."""
    return tuple((key, unpack(value) if key.endswith("-bin") else value) for key, value in pairs)
