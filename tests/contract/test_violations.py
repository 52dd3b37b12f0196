"""Peers that break the rules of HTTP/2 or gRPC: each is refused, and nobody else notices."""

import pytest

from tests.contract.refusals import REFUSALS, Refusal
from tests.contract.violations import ECHO, GREETINGS, VIOLATIONS, Violation
from tests.contract.wire import Wire, reaction, verdict


def still_serves(address: str) -> bool:
    with Wire(address) as wire:
        return wire.call(ECHO, b"x").status == "0"


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: violation.name)
def test_a_violation_ends_the_stream_or_the_connection(
    violation: Violation, transport: str, address: str
) -> None:
    lenient = violation.reference.split("|") if transport == "grpcio" else []
    with Wire(address) as wire:
        wire.send(violation.sent)
        assert reaction(wire) in violation.wanted.union(lenient)
    assert still_serves(address)


@pytest.mark.parametrize("greeting", GREETINGS)
def test_what_is_no_http_2_is_refused(greeting: str, transport: str, address: str) -> None:
    with Wire(address, GREETINGS[greeting]) as wire:
        said = reaction(wire)
        assert said in {"goaway PROTOCOL_ERROR", "closed"}
        assert said == "goaway PROTOCOL_ERROR" or transport == "grpcio"
    assert still_serves(address)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_a_bad_request_is_refused(refusal: Refusal, transport: str, address: str) -> None:
    lenient = refusal.reference if transport == "grpcio" else frozenset()
    with Wire(address) as wire:
        wire.send(refusal.sent)
        if "silence" in lenient:  # it waits for the rest of a request that is cut short
            assert reaction(wire) == "ignored"
        else:
            assert verdict(wire, stream=1) in refusal.wanted | lenient
            if transport == "express":  # nothing but the one request has failed
                assert wire.call(ECHO, b"x", stream=3).status == "0"
    assert still_serves(address)
