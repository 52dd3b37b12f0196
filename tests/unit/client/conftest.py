"""A server in this process, and both clients of it in one shape."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc
import pytest
from typer.testing import CliRunner, Result

from modelyard import AsyncClient, Client, ServedModel
from modelyard.commands import app
from modelyard.inference.v1.inference_pb2_grpc import add_InferenceServiceServicer_to_server
from modelyard.registry.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server
from modelyard.training.v1.datasets_pb2_grpc import add_DatasetServiceServicer_to_server
from modelyard.training.v1.training_pb2_grpc import add_TrainingServiceServicer_to_server
from tests.unit.client.servicer import Datasets, Inference, Registry, Training
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
    server = grpc.server(ThreadPoolExecutor(4))
    add_RegistryServiceServicer_to_server(Registry(yard), server)
    add_DatasetServiceServicer_to_server(Datasets(yard), server)
    add_TrainingServiceServicer_to_server(Training(yard), server)
    # What it leaves out answers UNIMPLEMENTED; only the type stubs call that abstract.
    inference = Inference(yard)  # type: ignore[abstract]
    add_InferenceServiceServicer_to_server(inference, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


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
