"""Several servers, of which some stop or are not well."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from grpc_health.v1 import health, health_pb2

from modelyard import AsyncClient, Client
from tests.unit.client.conftest import InThreads
from tests.unit.client.server import serving
from tests.unit.client.yard import Yard

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Member:
    """One of the servers."""

    yard: Yard = field(default_factory=Yard)
    healths: health.HealthServicer = field(default_factory=health.HealthServicer)
    running: ExitStack = field(default_factory=ExitStack)
    address: str = ""

    def start(self, status: Any = SERVING) -> None:
        self.healths.set("", status)
        self.address = self.running.enter_context(serving(self.yard, healths=self.healths))

    @property
    def calls(self) -> int:
        return self.yard.calls["ServerReady"]


@pytest.fixture
def members() -> Iterator[list[Member]]:
    found = [Member(), Member()]
    yield found
    for member in found:
        member.running.close()


@asynccontextmanager
async def asking(kind: str, members: list[Member]) -> AsyncIterator[AsyncClient]:
    addresses = [member.address for member in members]
    if kind == "asyncio":
        async with AsyncClient(addresses) as client:
            yield client
    else:
        with Client(addresses) as blocking:
            yield cast("AsyncClient", InThreads(blocking))


async def ask_until(client: AsyncClient, is_enough: Callable[[], bool]) -> None:
    """Ask, and never get an error; the test's timeout bounds it."""
    while not is_enough():
        assert await client.ready()


kinds = pytest.mark.parametrize("kind", ["asyncio", "blocking"])


@kinds
async def test_servers_get_the_calls_in_turn_and_one_may_stop(
    kind: str, members: list[Member]
) -> None:
    for member in members:
        member.start()
    first, second = members
    async with asking(kind, members) as client:
        await ask_until(client, lambda: first.calls >= 5 and second.calls >= 5)
        await asyncio.to_thread(first.running.close)
        at_stop = first.calls
        asked = second.calls
        await ask_until(client, lambda: second.calls >= asked + 20)
    assert first.calls == at_stop


@kinds
async def test_a_server_that_is_not_well_gets_no_calls_until_it_is(
    kind: str, members: list[Member]
) -> None:
    first, second = members
    first.start(NOT_SERVING)
    second.start()
    async with asking(kind, members) as client:
        await ask_until(client, lambda: second.calls >= 20)
        assert first.calls == 0
        first.healths.set("", SERVING)
        await ask_until(client, lambda: first.calls >= 5)


async def test_a_single_server_gets_its_calls_whatever_it_says(members: list[Member]) -> None:
    members[0].start(NOT_SERVING)
    async with AsyncClient(members[0].address) as client:
        assert await client.ready()
