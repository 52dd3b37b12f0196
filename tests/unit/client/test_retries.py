"""Servers that fail some times, and servers that go away."""

from typing import Any

import grpc
import numpy as np
import pytest

from modelyard import AsyncClient, Client, ModelyardError
from modelyard.inference.v1.inference_pb2 import ModelInferRequest, ModelInferResponse
from modelyard.retries import BUFFER_BYTES, pause_before_repeat
from tests.unit.client.server import serving
from tests.unit.client.yard import Yard, failing

INFER = "/modelyard.inference.v1.InferenceService/ModelInfer"
GONE = failing(grpc.StatusCode.UNAVAILABLE)
# Below what gRPC keeps by itself, below what it is told to keep, and above.
SIZES = [10, 2**20, BUFFER_BYTES + 2**20]


@pytest.fixture
def yard() -> Yard:
    return Yard(infer=lambda _: ModelInferResponse(model_name="m", model_version="1"))


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_safe_is_repeated_whatever_its_size(
    client: AsyncClient, yard: Yard, size: int
) -> None:
    yard.before["ModelInfer"] = [GONE] * 2
    found = await client.infer("m", {"x": np.zeros(size, np.uint8)})
    assert found.model_version == "1"
    assert yard.calls["ModelInfer"] == 3


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
async def test_a_server_that_stays_away_is_told_after_four_times(
    client: AsyncClient, yard: Yard, size: int
) -> None:
    yard.before["ModelInfer"] = [GONE] * 9
    with pytest.raises(ModelyardError, match="as planned") as caught:
        await client.infer("m", {"x": np.zeros(size, np.uint8)})
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert yard.calls["ModelInfer"] == 4


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
async def test_other_failures_are_not_repeated(
    client: AsyncClient, yard: Yard, code: grpc.StatusCode
) -> None:
    yard.before["ModelInfer"] = [failing(code)]
    with pytest.raises(ModelyardError):
        await client.infer("m", {"x": np.zeros(SIZES[-1], np.uint8)})
    assert yard.calls["ModelInfer"] == 1


async def test_a_change_is_repeated_under_one_request_id(client: AsyncClient, yard: Yard) -> None:
    yard.before["CreateModel"] = [GONE] * 2
    await client.create_model("m", description="d" * SIZES[-1])
    requests = [it for it in yard.requests if hasattr(it, "request_id")]
    assert len(requests) == 3
    assert len({it.request_id for it in requests}) == 1
    assert requests[0].request_id


async def test_a_change_without_a_request_id_is_not_repeated(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["CancelTrainingJob"] = [GONE]
    with pytest.raises(ModelyardError):
        await client.cancel_training_job("j" * SIZES[-1])
    assert yard.calls["CancelTrainingJob"] == 1


async def test_repeats_end_with_the_deadline(yard: Yard) -> None:
    slept: list[float] = []
    with serving(yard) as target, Client(target, timeout_seconds=0.05) as client:
        transport = client._operations._calls.transport

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        transport.sleep = sleep  # type: ignore[method-assign]  # a fake of time
        yard.before["ModelInfer"] = [GONE] * 9
        # The first pause alone would take longer than there is time.
        with pytest.raises(ModelyardError):
            client.infer("m", {"x": np.zeros(SIZES[-1], np.uint8)})
    assert slept == []


class Failure(grpc.RpcError):
    """A call that failed, with a wish of the server's."""

    def __init__(self, *trailers: tuple[str, str]) -> None:
        self._trailers = trailers

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def trailing_metadata(self) -> Any:
        return self._trailers


LARGE = ModelInferRequest(raw_input_contents=[bytes(BUFFER_BYTES)])


def test_pauses_grow() -> None:
    pauses = [pause_before_repeat(INFER, LARGE, Failure(), attempt) for attempt in (1, 2, 3)]
    expected = [0.1, 0.2, 0.4]
    assert pauses == [pytest.approx(it, rel=0.2) for it in expected]
    assert pause_before_repeat(INFER, LARGE, Failure(), 4) is None


@pytest.mark.parametrize(("wish", "pause"), [("1500", 1.5), ("0", 0), ("-1", None), ("x", None)])
def test_the_server_may_choose_the_pause(wish: str, pause: float | None) -> None:
    failure = Failure(("grpc-retry-pushback-ms", wish))
    assert pause_before_repeat(INFER, LARGE, failure, 1) == pause


def test_what_grpc_repeats_is_left_to_it() -> None:
    small = ModelInferRequest(raw_input_contents=[bytes(BUFFER_BYTES // 2)])
    assert pause_before_repeat(INFER, small, Failure(), 1) is None
