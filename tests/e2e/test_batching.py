"""Batching as callers have it: set on the model, followed at once, and never noticed."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from modelyard import Client
from modelyard.error import from_rpc_error
from modelyard.inference.v1 import inference_pb2, inference_pb2_grpc
from modelyard.registry.v1 import registry_pb2 as registry
from modelyard.registry.v1 import registry_pb2_grpc as registry_stubs
from modelyard.registry.v1 import resources_pb2 as resources
from tests.support import onnx_models
from tests.support.server_process import ServerProcess, wait_for

ONES = np.ones((1, 3), dtype=np.float32)


@pytest.fixture
def model(client: Client) -> str:
    """A model that doubles."""
    name = f"batched-{uuid.uuid4().hex[:8]}"
    client.push(name, onnx_models.double_model())
    return name


def is_joined(server: ServerProcess, model: str) -> bool:
    """Tell whether a request waits for others, longer than its caller does."""
    request = inference_pb2.ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    request.raw_input_contents.append(ONES.tobytes())
    with grpc.insecure_channel(server.address) as channel:
        grpc.channel_ready_future(channel).result(30)
        try:
            inference_pb2_grpc.InferenceServiceStub(channel).ModelInfer(request, timeout=0.5)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
            return True
    return False


def test_callers_at_once_share_runs_and_get_their_own_answers(
    server: ServerProcess, model: str
) -> None:
    with server.connect() as client:
        client.set_batching(model, 8, max_delay_seconds=0.02)

        def ask(number: int) -> None:
            rows = np.full((number % 3 + 1, 3), number, dtype=np.float32)
            answer = client.predict(model, rows).outputs["y"]
            np.testing.assert_array_equal(answer, rows * 2)

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(ask, range(300)))


def test_the_setting_is_followed_while_the_server_runs(
    server: ServerProcess, client: Client, model: str
) -> None:
    client.set_batching(model, 2, max_delay_seconds=1)
    wait_for(lambda: is_joined(server, model))
    # The caller that gave up is gone from the queue: these two fill a run.
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: client.predict(model, ONES).outputs["y"], range(2)))
    np.testing.assert_array_equal(answers, [ONES * 2] * 2)
    client.set_batching(model, 0)
    wait_for(lambda: not is_joined(server, model))


def test_a_model_is_changed_as_the_mask_says(server: ServerProcess, model: str) -> None:
    name = f"models/{model}"
    with grpc.insecure_channel(server.address) as channel:
        stub = registry_stubs.RegistryServiceStub(channel)
        batching = resources.BatchingConfig(max_rows=16, max_delay=Duration(nanos=5_000_000))
        wanted = resources.Model(name=name, description="doubles", batching=batching)
        request = registry.UpdateModelRequest(model=wanted, request_id=str(uuid.uuid4()))
        changed = stub.UpdateModel(request)
        assert stub.UpdateModel(request) == changed
        assert (changed.description, changed.batching) == ("doubles", batching)
        assert stub.GetModel(registry.GetModelRequest(name=name)) == changed
        assert [alias.name for alias in changed.aliases] == [f"{name}/aliases/champion"]

        wanted = resources.Model(name=name, display_name="Double", etag=changed.etag)
        mask = FieldMask(paths=["*"])
        cleared = stub.UpdateModel(registry.UpdateModelRequest(model=wanted, update_mask=mask))
        assert (cleared.display_name, cleared.description) == ("Double", "")
        assert not cleared.HasField("batching")
        stale = registry.UpdateModelRequest(model=wanted)
        assert refusal_of(stub, stale)[0] is grpc.StatusCode.ABORTED


@pytest.mark.parametrize(
    ("wanted", "paths", "field"),
    [
        (resources.Model(batching=resources.BatchingConfig()), [], "model.batching.max_rows"),
        (
            resources.Model(
                batching=resources.BatchingConfig(max_rows=2, max_delay=Duration(seconds=2))
            ),
            [],
            "model.batching.max_delay",
        ),
        (
            resources.Model(
                batching=resources.BatchingConfig(max_rows=2, max_delay=Duration(nanos=-1))
            ),
            [],
            "model.batching.max_delay",
        ),
        (resources.Model(), ["uid"], "update_mask"),
    ],
)
def test_what_can_t_be_set_is_said_field_by_field(
    server: ServerProcess, model: str, wanted: resources.Model, paths: list[str], field: str
) -> None:
    asked = resources.Model()
    asked.CopyFrom(wanted)
    asked.name = f"models/{model}"
    request = registry.UpdateModelRequest(model=asked, update_mask=FieldMask(paths=paths))
    with grpc.insecure_channel(server.address) as channel:
        refusal = refusal_of(registry_stubs.RegistryServiceStub(channel), request)
    assert refusal == (grpc.StatusCode.INVALID_ARGUMENT, field)


def refusal_of(
    stub: registry_stubs.RegistryServiceStub, request: registry.UpdateModelRequest
) -> tuple[grpc.StatusCode, str]:
    """Make a call that must fail; return its status and the field at fault."""
    with pytest.raises(grpc.RpcError) as caught:
        stub.UpdateModel(request)
    error = from_rpc_error(caught.value)
    return error.code, error.violations[0].field
