"""A server in this process, and both clients of it in one shape."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from modelyard import AsyncClient, Client, ServedModel
from modelyard.commands import app
from tests.unit.client.server import serving
from tests.unit.client.yard import Yard


class InThreads:
    """A blocking client in the shape of an asynchronous one."""

    def __init__(self, client: Client | ServedModel) -> None:
        self._client: Any = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(method, *args, **kwargs)

        return call

    def model(self, *args: Any, **kwargs: Any) -> "InThreads":
        return InThreads(self._client.model(*args, **kwargs))

    async def watch_training_job(self, *args: Any) -> AsyncIterator[Any]:
        events = self._client.watch_training_job(*args)
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event


@pytest.fixture
def yard() -> Yard:
    return Yard()


@pytest.fixture
def target(yard: Yard) -> Iterator[str]:
    with serving(yard) as address:
        yield address


@pytest.fixture(params=["asyncio", "blocking"])
async def client(request: pytest.FixtureRequest, target: str) -> AsyncIterator[AsyncClient]:
    if request.param == "asyncio":
        async with AsyncClient(target) as client:
            yield client
    else:
        with Client(target) as blocking:
            yield cast("AsyncClient", InThreads(blocking))


@pytest.fixture
def command(target: str) -> Callable[..., Result]:
    """Run `modelyard` against the tests' server."""

    def run(*words: object) -> Result:
        return CliRunner().invoke(
            app, [str(word) for word in words], env={"MODELYARD_SERVER": target}
        )

    return run
