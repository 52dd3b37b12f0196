"""Scripts at random: whatever a handler does, both transports tell the client the same."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import scripts
from tests.contract.calls import Call, Outcome
from tests.contract.cases import EVERY_ERROR, STREAMS, UNARY
from tests.contract.clients import SyncClient
from tests.contract.processes import serving
from tests.contract.scripts import Step, script
from tests.contract.transports import TRANSPORTS

KEYS = st.sampled_from(["a", "b-bin", "x-trace_id.1"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)
PAIRS = st.lists(
    KEYS.flatmap(
        lambda key: st.tuples(
            st.just(key), st.binary(max_size=20) if key.endswith("-bin") else VALUES
        )
    ),
    max_size=3,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CODES = st.sampled_from(EVERY_ERROR)


def steps() -> st.SearchStrategy[Step]:
    return st.one_of(
        st.builds(scripts.reply, st.binary(max_size=40), zeros=st.sampled_from([0, 0, 20_000])),
        st.builds(lambda pairs: scripts.initial(*pairs), PAIRS),
        st.builds(lambda pairs: scripts.trailing(*pairs), PAIRS),
        st.builds(scripts.status, CODES, TEXTS),
        st.builds(lambda code, text, pairs: scripts.abort(code, text, *pairs), CODES, TEXTS, PAIRS),
        st.builds(scripts.fail, TEXTS),
        st.just(scripts.compress()),
        st.just(scripts.echo()),
    )


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, SyncClient]]:
    with serving("grpcio") as reference, serving("express") as own:
        clients = dict(
            zip(TRANSPORTS, map(SyncClient, (reference.address, own.address)), strict=True)
        )
        yield clients
        for client in clients.values():
            client.close()


def without_faults(reference: Outcome, own: Outcome) -> tuple[Outcome, Outcome]:
    """Leave out what is meant to differ: what is told of an exception that nobody handled."""
    if (reference.details or "").startswith("Unexpected <class"):
        return replace(reference, details=None), replace(own, details=None)
    return reference, own


@settings(max_examples=150)
@given(
    method=st.sampled_from(UNARY + STREAMS),
    played=st.lists(steps(), max_size=6),
    more=st.lists(st.binary(max_size=30), max_size=3),
    gzip=st.booleans(),
)
def test_any_script_comes_out_the_same(
    both: dict[str, SyncClient], method: str, played: list[Step], more: list[bytes], *, gzip: bool
) -> None:
    # A unary method that gives no answer at all is a difference that is meant.
    ended = [scripts.reply(b"end")] if method in UNARY else []
    call = Call(method, (script(*played, *ended), *more), gzip=gzip)
    came = [asyncio.run(client.call(call)) for client in both.values()]
    reference, own = without_faults(*came)
    assert own == reference
