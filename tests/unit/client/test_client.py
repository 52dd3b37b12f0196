import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import grpc_testing
import pytest

import modelyard
from modelyard import (
    AsyncClient,
    AsyncServedModel,
    Client,
    Model,
    ModelyardError,
    ServedModel,
    TrainingEvent,
)
from modelyard.blocking import run
from modelyard.channel import channel_options, service_config
from modelyard.registry.v1.registry_pb2 import ListModelsRequest, ListModelsResponse
from modelyard.retries import SERVICES
from modelyard.training.v1.datasets_pb2 import DatasetVersion, UploadDatasetRequest

METHODS = {method.name: method for service in SERVICES for method in service.methods}


@pytest.fixture
def channel() -> Any:
    return grpc_testing.channel(SERVICES, grpc_testing.strict_real_time())


def in_thread(work: Callable[[], Any]) -> Future[Any]:
    return ThreadPoolExecutor(1).submit(work)


def test_both_clients_have_the_same_operations() -> None:
    def operations(kind: type) -> dict[str, object]:
        public = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
        return {name: (inspect.signature(it), it.__doc__) for name, it in public.items()}

    ours, theirs = operations(Client), operations(AsyncClient)
    # Each returns a model of its own kind.
    del ours["model"], theirs["model"]
    assert ours == theirs
    assert operations(ServedModel).keys() < operations(AsyncServedModel).keys()
    assert inspect.getdoc(Client.model) == inspect.getdoc(AsyncClient.model)


def test_a_blocking_call_on_a_fake_channel(channel: Any) -> None:
    found = in_thread(Client(channel=channel).list_models)
    _, request, rpc = channel.take_unary_unary(METHODS["ListModels"])
    assert request == ListModelsRequest(page_size=200)
    answer = ListModelsResponse(models=[Model(name="models/a")])
    rpc.terminate(answer, (), grpc.StatusCode.OK, "")
    assert found.result(10) == [Model(name="models/a")]


def test_a_failing_blocking_call_on_a_fake_channel(channel: Any) -> None:
    found = in_thread(lambda: Client(channel=channel).get_model("a"))
    _, request, rpc = channel.take_unary_unary(METHODS["GetModel"])
    assert request.name == "models/a"
    rpc.terminate(None, (), grpc.StatusCode.NOT_FOUND, "there is no models/a")
    with pytest.raises(ModelyardError, match=r"there is no models/a \(NOT_FOUND\)"):
        found.result(10)


def test_a_blocking_watch_on_a_fake_channel(channel: Any) -> None:
    found = in_thread(lambda: list(Client(channel=channel).watch_training_job("j")))
    _, request, rpc = channel.take_unary_stream(METHODS["WatchTrainingJob"])
    assert request.name == "trainingJobs/j"
    for sequence in (1, 2):
        rpc.send_response(TrainingEvent(sequence=sequence))
    rpc.terminate((), grpc.StatusCode.OK, "")
    assert [event.sequence for event in found.result(10)] == [1, 2]


def test_a_blocking_upload_on_a_fake_channel(channel: Any) -> None:
    found = in_thread(lambda: Client(channel=channel).upload_dataset("d", b"a\n1\n"))
    _, _, creation = channel.take_unary_unary(METHODS["CreateDataset"])
    creation.terminate(modelyard.Dataset(), (), grpc.StatusCode.OK, "")
    _, rpc = channel.take_stream_unary(METHODS["UploadDataset"])
    assert rpc.take_request().header.parent == "datasets/d"
    assert rpc.take_request() == UploadDatasetRequest(chunk=b"a\n1\n")
    rpc.requests_closed()
    rpc.terminate(DatasetVersion(row_count=1), (), grpc.StatusCode.OK, "")
    assert found.result(10).row_count == 1


async def test_the_blocking_client_works_beside_a_running_loop(target: str) -> None:
    with Client(target) as client:
        assert client.list_models() == []


async def test_a_cancelled_upload_is_cancelled(target: str) -> None:
    async with AsyncClient(target) as client:

        def leave(*_: int) -> None:
            upload.cancel()

        upload = asyncio.ensure_future(client.upload_dataset("d", b"x" * 2**23, progress=leave))
        with pytest.raises(asyncio.CancelledError):
            await upload


def test_what_would_wait_for_a_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="must not wait for an event loop"):
        run(asyncio.sleep(0))


def test_the_real_transports_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("modelyard.blocking.time.sleep", slept.append)
    client = Client()
    run(client._operations._calls.transport.sleep(2.5))
    client.close()
    assert slept == [2.5]


def test_only_what_has_one_effect_is_repeated() -> None:
    (method_config,) = json.loads(service_config())["methodConfig"]
    repeated = {name["method"] for name in method_config["name"]}
    assert repeated == {
        *("ListModels", "ListModelVersions", "ListModelAliases", "ListDatasets"),
        *("ListDatasetVersions", "ListTrainingJobs", "ListTrainers", "GetTrainer"),
        *("ValidateTrainingJob", "DeleteTrainingJob"),
        *("GetModel", "GetModelVersion", "GetModelAlias", "GetDataset", "GetDatasetVersion"),
        *("GetModelProto", "ValidateSchemaChange"),
        "UpdateModel",
        *("GetTrainingJob", "CreateModel", "CreateModelVersion", "CreateModelAlias"),
        *("CreateDataset", "CreateTrainingJob", "UpdateModel", "UpdateModelAlias"),
        *("UpdateDataset", "DeleteDataset", "DeleteDatasetVersion", "PreviewDatasetVersion"),
        *("ServerLive", "ServerReady", "ServerMetadata"),
        *("ModelReady", "ModelMetadata", "ModelInfer", "ModelConfig", "ModelStatistics"),
        *("RepositoryIndex", "SystemSharedMemoryStatus", "CudaSharedMemoryStatus"),
    }
    assert method_config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_large_messages_may_pass() -> None:
    options = dict(channel_options())
    assert options["grpc.max_receive_message_length"] == 64 * 2**20
    assert options["grpc.per_rpc_retry_buffer_size"] == 4 * 2**20


def test_import_is_light_and_leaves_the_standard_package_alone() -> None:
    code = (
        "import sys, modelyard\n"
        "from google.protobuf import descriptor_pool\n"
        "heavy = {'typer', 'rich', 'polars', 'pandas', 'pyarrow', 'opentelemetry'}\n"
        "heavy |= {'pydantic', 'onnxruntime', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "try:\n"
        "    descriptor_pool.Default().FindMessageTypeByName('inference.ModelInferRequest')\n"
        "except KeyError:\n"
        "    print('free')\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n") == ["[]", "free", ""]
