"""What a handler is told of its call, and when."""

import asyncio
import json
from typing import Any

import pytest

from tests.contract import scripts
from tests.contract.calls import Call, ContractClient, Outcome
from tests.contract.cases import STREAMS, TALKS, UNARY, play
from tests.contract.clients import AsyncClient
from tests.contract.scripts import script, unpack_pairs


async def report(client: ContractClient, call: Call) -> dict[str, Any]:
    outcome = await client.call(call)
    assert outcome.code == "OK", outcome
    said: dict[str, Any] = json.loads(outcome.messages[-1])
    return said


async def observe(client: ContractClient, key: str) -> None:
    """Wait until the server has seen the event."""
    assert (await client.call(Call("Observe", (key.encode(),)))).code == "OK"


@pytest.mark.parametrize("method", UNARY + STREAMS)
async def test_a_handler_sees_the_metadata(client: ContractClient, method: str) -> None:
    sent = (
        ("key-bin", bytes(range(256))),
        ("repeated", "one"),
        ("repeated", "two"),
        ("repeated-bin", b""),
        ("repeated-bin", b"\x00"),
        ("x-request-id", "a.b_c-1 ~!"),
    )
    said = await report(client, Call(method, (script(scripts.report()),), sent))
    keys = {key for key, _ in sent}
    seen = tuple((key, value) for key, value in unpack_pairs(said["metadata"]) if key in keys)
    assert seen == sent


@pytest.mark.parametrize("method", UNARY + STREAMS)
async def test_nothing_of_the_protocol_is_in_the_metadata(
    client: ContractClient, method: str
) -> None:
    said = await report(client, play(method, scripts.report()))
    keys = {key for key, _ in said["metadata"]}
    assert keys <= {"user-agent", "accept-encoding"}
    assert "user-agent" in keys


@pytest.mark.parametrize("method", UNARY + STREAMS)
async def test_a_handler_knows_its_peer_and_its_time(client: ContractClient, method: str) -> None:
    call = Call(method, (script(scripts.report()),), timeout_seconds=1000)
    said = await report(client, call)
    assert said["peer"].startswith("ipv4:127.0.0.1:")
    assert 900 < said["time_remaining"] <= 1010  # gRPC's core rounds timeouts up


@pytest.mark.parametrize("method", UNARY + STREAMS)
async def test_a_handler_reads_back_what_it_set(client: ContractClient, method: str) -> None:
    steps = [scripts.trailing(("t", "1")), scripts.status("OK", "so"), scripts.report()]
    said = await report(client, play(method, *steps))
    assert said["trailing"] == [["t", "1"]]
    assert said["details"] == "so"
    assert said["code"] in {"StatusCode.OK", "0"}
    assert not said["cancelled"]
    assert not said["done"]


async def test_metadata_that_is_not_ascii_is_refused(transport: str, address: str) -> None:
    assert transport
    client = AsyncClient(address)
    for method in ("Unary", "Generate", "Collect"):
        call = play(method, scripts.trailing(("key", "ü\n")), scripts.reply(b"x"))
        # Our own refuses it where it is set, the reference when it is sent.
        assert (await client.call(call)).code in {"INTERNAL", "UNKNOWN"}
    assert (await client.call(Call("Echo", (b"x",)))).code == "OK"
    await client.close()


@pytest.mark.parametrize("method", STREAMS)
async def test_initial_metadata_can_be_sent_once(client: ContractClient, method: str) -> None:
    twice = play(method, scripts.initial(("a", "1")), scripts.initial(("a", "2")))
    outcome = await client.call(twice)
    assert outcome.code == "UNKNOWN"
    assert outcome.initial == (("a", "1"),) or client.loses_initial
    late = await client.call(play(method, scripts.reply(b"x"), scripts.initial(("a", "1"))))
    assert late.code == "UNKNOWN"
    assert late.messages == (b"x",)


async def test_a_deadline_ends_calls_and_cancels_their_handlers(
    client: ContractClient, request: pytest.FixtureRequest
) -> None:
    async def check(method: str) -> None:
        key = f"{request.node.name}/{method}"
        steps = [scripts.mark_done(f"{key}/done"), scripts.block(f"{key}/cancelled")]
        outcome = await client.call(Call(method, (script(*steps),), timeout_seconds=1.0))
        assert outcome.code == "DEADLINE_EXCEEDED"
        await observe(client, f"{key}/cancelled")
        await observe(client, f"{key}/done")

    async with asyncio.TaskGroup() as group:
        for method in ("Unary", "CollectRead", "Generate", "ConverseReadWrite"):
            group.create_task(check(method))


@pytest.mark.parametrize("method", STREAMS)
async def test_a_client_that_cancels_ends_the_call(
    client: ContractClient, method: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    steps = [scripts.mark_done(key), scripts.reply(b"x"), scripts.block(f"{key}/cancelled")]
    outcome = await client.call(Call(method, (script(*steps),), cancel_after=1))
    assert (outcome.code, outcome.messages) == ("CANCELLED", (b"x",))
    await observe(client, key)


@pytest.mark.parametrize("method", UNARY + STREAMS)
async def test_a_call_that_ends_well_is_done(
    client: ContractClient, method: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    outcome = await client.call(play(method, scripts.mark_done(key), scripts.reply(b"x")))
    assert outcome == Outcome("OK", messages=(b"x",))
    await observe(client, key)


@pytest.mark.parametrize("method", TALKS)
async def test_a_client_that_never_ends_sending_is_cancelled_by_its_deadline(
    client: ContractClient, method: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    steps = [scripts.mark_done(key), scripts.echo()]
    call = Call(method, (script(*steps), b"1"), timeout_seconds=1.0, hold_open=True)
    outcome = await client.call(call)
    assert (outcome.code, outcome.messages) == ("DEADLINE_EXCEEDED", (b"1",))
    await observe(client, key)
