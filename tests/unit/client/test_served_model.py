import asyncio
import math
from dataclasses import FrozenInstanceError
from typing import Any

import grpc
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pyarrow as pa
import pytest

from modelyard import AsyncClient, ModelyardError
from modelyard.inference.v1.inference_pb2 import (
    ModelInferRequest,
    ModelMetadataRequest,
)
from modelyard.registry.v1.registry_pb2 import GetModelVersionRequest
from modelyard.registry.v1.resources_pb2 import TensorSpec
from tests.unit.client.penguins import (
    TYPES,
    answer,
    classifier,
    columns,
    metadata,
    serve_penguins,
    version,
)
from tests.unit.client.yard import Yard, fail

ROWS: list[dict[str, Any]] = [
    {"length": 39.5, "island": "Dream", "year": 2007},
    {"length": None, "island": None, "year": 2008},
]


@pytest.fixture
def yard() -> Yard:
    return serve_penguins()


async def test_one_row_is_predicted_from_arguments(client: AsyncClient, yard: Yard) -> None:
    found = await client.model("penguins").predict(length=50, island="Dream", year=2007)
    assert found.label == "Gentoo"
    assert found.value is None
    assert found.probabilities == {"Adelie": 0.25, "Gentoo": 0.75}
    assert found.model_version == "1"
    assert found.outputs == {"label": "Gentoo", "probabilities": found.probabilities}
    assert repr(found) == (
        "RowPrediction(label='Gentoo', value=None, "
        "probabilities={'Adelie': 0.25, 'Gentoo': 0.75}, model_version='1')"
    )
    with pytest.raises(FrozenInstanceError):
        found.label = "other"  # type: ignore[misc]  # must fail
    (request,) = yard.asked(ModelInferRequest)
    assert request.model_version == ""


async def test_what_is_left_out_is_missing(client: AsyncClient, yard: Yard) -> None:
    await client.model("penguins").predict(year=2007)
    (request,) = yard.asked(ModelInferRequest)
    sent = columns(request)
    assert math.isnan(sent["length"][0])
    assert sent["island"].tolist() == [b""]
    assert sent["year"].tolist() == [2007]


@pytest.mark.parametrize(
    "make",
    [
        list,
        lambda rows: {name: [row[name] for row in rows] for name in TYPES},
        pd.DataFrame,
        lambda rows: pd.DataFrame(rows).convert_dtypes(),
        pl.DataFrame,
        pa.Table.from_pylist,
        pa.RecordBatch.from_pylist,
    ],
    ids=["dicts", "columns", "pandas", "pandas NA", "polars", "table", "record batch"],
)
async def test_a_batch_comes_in_any_form(client: AsyncClient, yard: Yard, make: Any) -> None:
    found = await client.model("penguins").predict_batch(make(ROWS))
    assert found.label.tolist() == ["Adelie", "Adelie"]
    (request,) = yard.asked(ModelInferRequest)
    sent = columns(request)
    np.testing.assert_array_equal(sent["length"], np.array([39.5, np.nan], "<f4"))
    assert sent["island"].tolist() == [b"Dream", b""]
    assert sent["year"].tolist() == [2007, 2008]


@pytest.mark.parametrize("make", [list, pl.DataFrame, pa.Table.from_pylist])
async def test_a_batch_may_leave_columns_out(client: AsyncClient, yard: Yard, make: Any) -> None:
    rows = [{"year": 2007}, {"year": 2008}, {"year": 2009}]
    await client.model("penguins").predict_batch(make(rows))
    (request,) = yard.asked(ModelInferRequest)
    assert columns(request)["island"].tolist() == [b""] * 3
    assert np.isnan(columns(request)["length"]).tolist() == [True] * 3


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({"lenght": 1, "year": 1}, "no column 'lenght' (did you mean 'length'?)"),
        ({"length": "long", "year": 1}, "column 'length' must hold a number; row 0 holds 'long'"),
        ({"length": 1}, "column 'year' is lacking; each row must have a value of INT64"),
        ({"year": None}, "column 'year' has no value in row 0"),
        ({"year": 1, "island": "\ud800"}, "column 'island' holds text that is no Unicode"),
        ({"year": 1, "length": 10**400}, "column 'length' holds a number beyond all"),
    ],
)
async def test_errors_name_the_column(
    client: AsyncClient, yard: Yard, features: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelyardError) as caught:
        await client.model("penguins").predict(**features)
    assert message in caught.value.message
    assert caught.value.reason == "TENSOR_INVALID"
    assert not yard.calls["ModelInfer"]


async def test_an_input_that_is_no_feature_must_be_there(client: AsyncClient, yard: Yard) -> None:
    yard.versions["models/penguins/versions/1"].signature.inputs[
        0
    ].role = TensorSpec.ROLE_UNSPECIFIED
    with pytest.raises(ModelyardError, match="column 'length' is lacking; give None"):
        await client.model("penguins").predict(year=2007)


async def test_without_the_registry_every_column_must_be_there(
    client: AsyncClient, yard: Yard
) -> None:
    yard.versions.clear()
    model = client.model("penguins")
    found = await model.predict(length=50, island="Dream", year=2007)
    assert (found.label, found.probabilities) == ("Gentoo", {})
    assert found.outputs["probabilities"] == [0.25, 0.75]
    with pytest.raises(ModelyardError, match="column 'length' is lacking"):
        await model.predict(year=2007)
    with pytest.raises(ModelyardError, match="there is no models/penguins/versions/1"):
        await model.signature()


async def test_models_of_one_client_share_what_is_known(client: AsyncClient, yard: Yard) -> None:
    for chosen in (None, None, "2", 2, "challenger"):
        await client.model("penguins", version=chosen).predict(year=2007)
    asked = [it.version for it in yard.asked(ModelMetadataRequest)]
    assert asked == ["champion", "2", "challenger"]
    assert [it.model_version for it in yard.asked(ModelInferRequest)] == [
        *("", ""),
        *("2", "2"),
        "challenger",
    ]
    assert yard.calls["GetModelVersion"] == 1


async def test_another_version_in_the_answer_leads_to_another_look(
    client: AsyncClient, yard: Yard
) -> None:
    model = client.model("penguins")
    await model.predict(year=2007)
    yard.infer, yard.metadata = classifier(2), metadata(2, **TYPES)
    yard.versions["models/penguins/versions/2"].classes[:] = ["A", "G"]
    assert (await model.predict(year=2007)).probabilities == {"A": 0.75, "G": 0.25}
    assert yard.calls["ModelMetadata"] == 1
    assert (await model.predict(year=2007)).model_version == "2"
    assert yard.calls["ModelMetadata"] == 2
    asked = [it.name for it in yard.asked(GetModelVersionRequest)]
    assert asked == ["models/penguins/versions/1", "models/penguins/versions/2"]


async def test_columns_that_are_not_known_yet_lead_to_another_look(
    client: AsyncClient, yard: Yard
) -> None:
    model = client.model("penguins")
    await model.predict(year=2007)
    types = {**TYPES, "sex": "BYTES"}
    yard.versions["models/penguins/versions/2"] = version(2, ["A", "G"], **types)
    yard.infer, yard.metadata = classifier(2), metadata(2, **types)
    found = await model.predict(year=2007, sex="female")
    assert found.model_version == "2"


async def test_a_refused_tensor_leads_to_another_look(client: AsyncClient, yard: Yard) -> None:
    model = client.model("penguins")
    await model.predict(year=2007)
    types = {"length": "FP32", "year": "INT64"}
    yard.versions["models/penguins/versions/2"] = version(2, ["A", "G"], **types)
    yard.infer, yard.metadata = classifier(2), metadata(2, **types)
    yard.before["ModelInfer"] = [
        lambda context: fail(
            context, grpc.StatusCode.INVALID_ARGUMENT, "no island", "TENSOR_INVALID"
        )
    ]
    assert (await model.predict(year=2007)).model_version == "2"
    assert list(columns(yard.asked(ModelInferRequest)[-1])) == ["length", "year"]


async def test_the_signature_is_what_was_seen_in_training(client: AsyncClient, yard: Yard) -> None:
    island = yard.versions["models/penguins/versions/1"].signature.inputs[1]
    island.categories[:] = ["Biscoe", "Dream"]
    found = await client.model("penguins").signature()
    assert [it.name for it in found.inputs] == list(TYPES)
    assert list(found.inputs[1].categories) == ["Biscoe", "Dream"]
    yard.metadata = metadata(2, **TYPES)
    yard.versions["models/penguins/versions/2"].signature.inputs.pop()
    assert len((await client.model("penguins").signature()).inputs) == 2


async def test_a_model_that_does_not_answer_row_by_row_is_told(
    client: AsyncClient, yard: Yard
) -> None:
    yard.infer = lambda _: answer(1, {"value": np.zeros((3, 1), "<f4")})
    with pytest.raises(ModelyardError, match="answered one row with 3"):
        await client.model("penguins").predict(year=2007)


async def test_a_model_has_a_deadline_of_its_own(client: AsyncClient, yard: Yard) -> None:
    remaining: list[float] = []
    yard.before["ModelInfer"] = [lambda context: remaining.append(context.time_remaining())]
    await client.model("penguins", timeout_seconds=500).predict(year=2007)
    assert 100 < remaining[0] < 510


async def test_a_model_names_itself(target: str) -> None:
    async with AsyncClient(target) as client:
        assert repr(client.model("penguins")) == "<model penguins, version champion>"
        assert repr(client.model("models/penguins", 3)) == "<model penguins, version 3>"


async def test_threads_and_tasks_may_share_a_model(client: AsyncClient) -> None:
    model = client.model("penguins")
    found = await asyncio.gather(*(model.predict(length=it, year=1) for it in (40, 50) * 10))
    assert [it.label for it in found] == ["Adelie", "Gentoo"] * 10
