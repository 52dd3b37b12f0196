import threading

import grpc
import numpy as np
import polars as pl
import pytest

from modelyard import AsyncClient, ModelyardError
from modelyard.inference.v1.inference_pb2 import ModelInferRequest, ModelInferResponse
from modelyard.inference.v1.model_config_pb2 import ModelConfigRequest
from tests.unit.client.penguins import classifier, serve_penguins
from tests.unit.client.yard import Yard, failing

LARGE = 200_000


@pytest.fixture
def yard() -> Yard:
    return serve_penguins()


async def test_a_large_batch_goes_in_several_calls_to_one_version(
    client: AsyncClient, yard: Yard
) -> None:
    lengths = np.linspace(0, 90, LARGE)
    frame = pl.DataFrame({"length": lengths, "island": ["Dream"] * LARGE, "year": [7] * LARGE})
    at_work, most, lock = 0, 0, threading.Lock()

    def infer(request: ModelInferRequest) -> ModelInferResponse:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        response = classifier(2)(request)
        with lock:
            at_work -= 1
        return response

    yard.infer = infer
    found = await client.model("penguins").predict_batch(frame)

    requests = yard.asked(ModelInferRequest)
    assert len(requests) > 2
    assert [it.model_version for it in requests] == ["", *["2"] * (len(requests) - 1)]
    assert all(it.ByteSize() < 4 * 2**20 for it in requests)
    assert sum(it.inputs[0].shape[0] for it in requests) == LARGE
    assert most <= 4
    assert found.probabilities.shape == (LARGE, 2)
    assert (found.label == "Gentoo").tolist() == (lengths.astype("<f4") > 45).tolist()


async def test_calls_of_a_batch_run_at_the_same_time(client: AsyncClient, yard: Yard) -> None:
    # The first call goes alone; three of the others only answer when they are there together.
    together = threading.Barrier(3, timeout=60)
    calls = iter(range(1000))

    def infer(request: ModelInferRequest) -> ModelInferResponse:
        if 1 <= next(calls) <= 3:
            together.wait()
        return classifier(1)(request)

    yard.infer = infer
    rows = {"length": np.zeros(LARGE), "year": np.zeros(LARGE, int)}
    assert len(await client.model("penguins").predict_batch(rows)) == LARGE


async def test_one_failed_call_fails_the_batch(client: AsyncClient, yard: Yard) -> None:
    yard.before["ModelInfer"] = [
        lambda _: None,
        failing(grpc.StatusCode.INTERNAL, "the second is too much"),
    ]
    rows = {"length": np.zeros(LARGE), "year": np.zeros(LARGE, int)}
    with pytest.raises(ModelyardError, match="the second is too much"):
        await client.model("penguins").predict_batch(rows)


def rows(count: int) -> dict[str, list[int]]:
    return {"length": [40] * count, "year": [2007] * count}


def sent_rows(yard: Yard) -> list[int]:
    return [it.inputs[0].shape[0] for it in yard.asked(ModelInferRequest)]


async def test_a_call_has_no_more_rows_than_the_server_takes(
    client: AsyncClient, yard: Yard
) -> None:
    yard.most_rows = 7
    for _ in range(2):
        assert len(await client.model("penguins").predict_batch(rows(20))) == 20
    assert sorted(sent_rows(yard)) == [6, 6, 7, 7, 7, 7]
    (asked,) = yard.asked(ModelConfigRequest)
    assert (asked.name, asked.version) == ("penguins", "champion")


async def test_one_row_needs_no_bound(client: AsyncClient, yard: Yard) -> None:
    await client.model("penguins").predict(length=40, year=2007)
    assert not yard.calls["ModelConfig"]


async def test_a_server_with_another_bound_is_asked_again(client: AsyncClient, yard: Yard) -> None:
    yard.most_rows = 7
    model = client.model("penguins")
    await model.predict_batch(rows(7))
    yard.most_rows = 4
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.INVALID_ARGUMENT, "too many rows")]
    await model.predict_batch(rows(7))
    assert sent_rows(yard) == [7, 7, 4, 3]


async def test_a_bound_that_can_not_be_read_is_left_to_the_server(
    client: AsyncClient, yard: Yard
) -> None:
    yard.most_rows = 7
    yard.before["ModelConfig"] = [failing(grpc.StatusCode.INTERNAL)]
    for _ in range(2):
        await client.model("penguins").predict_batch(rows(8))
    assert sent_rows(yard) == [8, 7, 1]
