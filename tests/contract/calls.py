"""A call and what came of it, in one form for every client."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from tests.contract.scripts import Pairs, Value
from tests.contract.service import SERVICE

STREAMED_REQUESTS = {"Collect", "CollectRead", "Converse", "ConverseReadWrite"}
STREAMED_ANSWERS = {"Generate", "GenerateWrite", "Converse", "ConverseReadWrite"}

# What the libraries say to each other, not the applications.
_LIBRARY_KEYS = {
    "accept-encoding",
    "content-type",
    "date",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-message",
    "grpc-status",
    "user-agent",
}


@dataclass(frozen=True)
class Call:
    """A call to make.

    Attributes:
        method: The method's name; the service is the contract's if there is no slash in it.
        requests: All requests; they are sent at once, then the client is done sending.
        metadata: Sorted by key; bytes for keys that end in `-bin`.
        timeout_seconds: How long the call may take.
        gzip: Whether requests are compressed.
        cancel_after: Cancel when so many messages have come.
        hold_open: Whether the client never says that it is done sending.
    """

    method: str
    requests: tuple[bytes, ...] = (b"",)
    metadata: Pairs = ()
    timeout_seconds: float = 60.0
    gzip: bool = False
    cancel_after: int | None = None
    hold_open: bool = False

    @property
    def path(self) -> str:
        """The path on the wire."""
        return self.method if "/" in self.method else f"/{SERVICE}/{self.method}"

    @property
    def kind(self) -> tuple[bool, bool]:
        """Whether requests are streamed, and whether answers are."""
        name = self.method.rpartition("/")[2]
        return name in STREAMED_REQUESTS, name in STREAMED_ANSWERS


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes:
        code: The status by name.
        details: The status message; None where each client has words of its own.
        messages: Every message that came.
        initial: Initial metadata of the application, sorted by key.
        trailing: Trailing metadata of the application, sorted by key.
    """

    code: str
    details: str | None = ""
    messages: tuple[bytes, ...] = ()
    initial: Pairs = ()
    trailing: Pairs = ()


class ContractClient(Protocol):
    """A client of some library.

    Attributes:
        joins_values: Whether it gives the values of a repeated key as one, as HTTP allows.
        loses_initial: Whether initial metadata may be lost where the answer is a stream
            that ends at once.
    """

    joins_values: bool
    loses_initial: bool

    async def call(self, call: Call) -> Outcome:
        """Make the call and wait for its end."""
        ...


def only_ours(metadata: Iterable[tuple[str, Value]] | None) -> Pairs:
    """Keep what the application set, sorted by key; values of one key stay in order."""
    ours = [(key, value) for key, value in metadata or () if key not in _LIBRARY_KEYS]
    return tuple(sorted(ours, key=lambda pair: pair[0]))


def joined(outcome: Outcome) -> Outcome:
    """Join the values of repeated keys, as a client does that `joins_values`."""
    return replace(outcome, initial=_join(outcome.initial), trailing=_join(outcome.trailing))


def _join(metadata: Pairs) -> Pairs:
    values: dict[str, list[str]] = {}
    for key, value in metadata:
        if isinstance(value, str):
            values.setdefault(key, []).append(value)
    texts = [(key, ", ".join(parts)) for key, parts in values.items()]
    return only_ours([*texts, *((key, value) for key, value in metadata if key not in values)])
