import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2 as pb
from grpc_reflection.v1alpha import reflection_pb2_grpc as stubs

from modelyard.inference.v1 import inference_pb2
from modelyard.inference.v1.model_config_pb2 import ModelConfig
from server.reflection import STANDARD_INFERENCE, V1, V1ALPHA, add_reflection
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.snapshot import ServableVersion, Snapshot
from serving.typed.services import TypedServices


async def no_models() -> Snapshot:
    return Snapshot()


async def no_files(version: ServableVersion) -> bytes:
    raise AssertionError(version)


OURS = inference_pb2.DESCRIPTOR.services_by_name["InferenceService"]


@pytest.fixture
async def stub() -> AsyncIterator[stubs.ServerReflectionStub]:
    server = aio.server()
    reconciler = Reconciler(no_models, no_files, asyncio.Event())
    typed = TypedServices(reconciler, Predictor(reconciler))
    add_reflection(server, ["modelyard.inference.v1.InferenceService"], typed)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield stubs.ServerReflectionStub(channel)
    await server.stop(None)


async def ask(
    stub: stubs.ServerReflectionStub, request: pb.ServerReflectionRequest
) -> list[descriptor_pb2.FileDescriptorProto]:
    (response,) = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    files = response.file_descriptor_response.file_descriptor_proto
    assert files, response.error_response
    return [descriptor_pb2.FileDescriptorProto.FromString(file) for file in files]


async def collect(
    stub: stubs.ServerReflectionStub, symbol: str
) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Fetch a file and all that it needs, as a client does that knows nothing."""
    files = {
        f.name: f
        for f in await ask(stub, pb.ServerReflectionRequest(file_containing_symbol=symbol))
    }
    while missing := {name for f in files.values() for name in f.dependency} - files.keys():
        for name in missing:
            request = pb.ServerReflectionRequest(file_by_filename=name)
            files |= {f.name: f for f in await ask(stub, request)}
    return files


def build(files: dict[str, descriptor_pb2.FileDescriptorProto]) -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()

    def add(name: str) -> None:
        for needed in files[name].dependency:
            add(needed)
        pool.Add(files[name])

    for name in files:
        add(name)
    return pool


@pytest.mark.parametrize(
    "service", [STANDARD_INFERENCE, inference_pb2.DESCRIPTOR.package + ".InferenceService"]
)
async def test_a_client_that_knows_nothing_learns_the_whole_service(
    stub: stubs.ServerReflectionStub, service: str
) -> None:
    files = await collect(stub, service)
    package = service.rpartition(".")[0]
    assert {file.package for file in files.values()} == {package}
    described = build(files).FindServiceByName(service)
    assert [m.name for m in described.methods] == [m.name for m in OURS.methods]
    config = build(files).FindMessageTypeByName(f"{package}.ModelConfig")
    assert [f.name for f in config.fields] == [f.name for f in ModelConfig.DESCRIPTOR.fields]


@pytest.mark.parametrize("version", [V1, V1ALPHA])
async def test_reflection_describes_itself(stub: stubs.ServerReflectionStub, version: str) -> None:
    files = await collect(stub, version)
    assert build(files).FindServiceByName(version)
    # A client that reads both into one pool must not find two files of one name.
    assert all(version.rpartition(".")[0] == file.package for file in files.values())
    assert len({*files, *await collect(stub, V1), *await collect(stub, V1ALPHA)}) == 2
