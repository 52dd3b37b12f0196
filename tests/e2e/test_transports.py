"""The whole application on each transport: what a caller sees is the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelyard import Client, ModelyardError
from tests.support import onnx_models
from tests.support.server_process import ServerProcess, wait_for

ONES = np.ones((1, 3), dtype=np.float32)


@pytest.fixture(params=["express", "grpcio"])
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on one of the transports, with the model `m` that doubles."""
    settings = {"TRANSPORT": request.param}
    with ServerProcess(tmp_path / "home", settings, ("--no-worker",)) as process:
        with process.connect() as client:
            client.push("m", onnx_models.double_model())
            wait_for(lambda: is_served(client))
        yield process
        assert process.stop() == 0


def is_served(client: Client) -> bool:
    """Tell whether the champion answers by now."""
    try:
        return client.predict("m", ONES).model_version == "1"
    except ModelyardError:
        return False


def test_calls_of_every_kind_and_their_failures(yard: ServerProcess) -> None:
    with yard.connect() as client:
        assert client.predict("m", ONES).outputs["y"].tolist() == [[2, 2, 2]]
        assert [model.name for model in client.list_models()] == ["models/m"]
        with pytest.raises(ModelyardError) as unknown:
            client.predict("none", ONES)
        with pytest.raises(ModelyardError) as misnamed:
            client.predict("m", ONES, version="No!")
    assert unknown.value.code is grpc.StatusCode.NOT_FOUND
    assert misnamed.value.code is grpc.StatusCode.INVALID_ARGUMENT
    for failure in (unknown.value, misnamed.value):
        assert failure.request_id


def test_health_is_watched_until_the_server_stops(yard: ServerProcess) -> None:
    with grpc.insecure_channel(yard.address) as channel:
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        yard.process.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
