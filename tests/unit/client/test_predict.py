from typing import Any

import grpc
import numpy as np
import pytest

from modelyard import AsyncClient, ModelVersion, ModelyardError
from modelyard.inference.v1.inference_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
)
from modelyard.tensors import Tensor, decode, encode
from tests.unit.client.yard import Yard, failing

CLASSES = ["Adelie", "Gentoo"]
ROW = {"length": 39.5, "island": "Dream"}


def metadata(**columns: str) -> ModelMetadataResponse:
    tensor = ModelMetadataResponse.TensorMetadata
    inputs = [tensor(name=it, datatype=kind, shape=[-1, 1]) for it, kind in columns.items()]
    return ModelMetadataResponse(name="penguins", inputs=inputs)


def answer(**outputs: Any) -> ModelInferResponse:
    """Answer with arrays; lists of text are BYTES."""
    response = ModelInferResponse(model_name="penguins", model_version="3")
    for name, values in outputs.items():
        array = np.array(values)
        datatype = {"U": "BYTES", "f": "FP32", "i": "INT64", "b": "BOOL"}[array.dtype.kind]
        response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        response.raw_output_contents.append(encode(Tensor(name, datatype, array)))
    return response


def classify(request: ModelInferRequest) -> ModelInferResponse:
    """Call every row over 45 a Gentoo."""
    lengths = decode(request.raw_input_contents[0], "FP32", tuple(request.inputs[0].shape))
    chances = [[0.25, 0.75] if length > 45 else [1.0, 0.0] for length in lengths.ravel()]
    labels = ["Gentoo" if second else "Adelie" for _, second in chances]
    return answer(label=labels, probabilities=chances)


@pytest.fixture
def yard() -> Yard:
    name = "models/penguins/versions/3"
    return Yard(
        versions={name: ModelVersion(name=name, classes=CLASSES)},
        metadata=metadata(length="FP32", island="BYTES"),
        infer=classify,
    )


async def test_predict_sends_typed_columns_and_names_classes(
    client: AsyncClient, yard: Yard
) -> None:
    prediction = await client.predict("penguins", [ROW, {"length": 50, "island": None}])

    (request,) = yard.asked(ModelInferRequest)
    assert (request.model_name, request.model_version) == ("penguins", "")
    assert [(it.name, it.datatype, list(it.shape)) for it in request.inputs] == [
        ("length", "FP32", [2, 1]),
        ("island", "BYTES", [2, 1]),
    ]
    assert request.raw_input_contents[1] == b"\5\0\0\0Dream\0\0\0\0"
    assert prediction.label.tolist() == ["Adelie", "Gentoo"]
    assert prediction.probabilities.tolist() == [[1, 0], [0.25, 0.75]]
    assert prediction.probability_by_class["Gentoo"].tolist() == [0, 0.75]
    assert (prediction.model, prediction.model_version) == ("penguins", "3")
    assert prediction.classes == ("Adelie", "Gentoo")
    assert len(prediction) == 2
    assert prediction.rows[1] == {
        "label": "Gentoo",
        "probabilities": {"Adelie": 0.25, "Gentoo": 0.75},
    }
    assert repr(prediction) == "<penguins version 3, 2 rows: Adelie 1.000; Gentoo 0.750>"


async def test_labels_and_several_values_have_their_names(client: AsyncClient, yard: Yard) -> None:
    version = yard.versions["models/penguins/versions/3"]
    version.ClearField("classes")
    version.classes.extend(["tall", "old"])
    version.target_names.extend(["tall", "old"])
    yard.infer = lambda _: answer(
        labels=[[True, False], [False, False]], probabilities=[[0.75, 0.25], [0.5, 0.0]]
    )
    prediction = await client.predict("penguins", [ROW, ROW])
    assert prediction.targets == ("tall", "old")
    assert prediction.labels.tolist() == [[True, False], [False, False]]
    assert prediction.probability_by_class["tall"].tolist() == [0.75, 0.5]
    assert prediction.rows[0] == {
        "labels": {"tall": True, "old": False},
        "probabilities": {"tall": 0.75, "old": 0.25},
    }
    assert repr(prediction) == "<penguins version 3, 2 rows: tall 0.750; no label>"

    yard.infer = lambda _: answer(value=[[1.5, 2.5]])
    prediction = await client.predict("penguins", ROW)
    assert prediction.value.tolist() == [[1.5, 2.5]]
    assert prediction.value_by_target["old"].tolist() == [2.5]
    assert prediction.rows == [{"value": {"tall": 1.5, "old": 2.5}}]
    assert yard.calls["GetModelVersion"] == 1


async def test_metadata_and_classes_are_read_once_for_a_version(
    client: AsyncClient, yard: Yard
) -> None:
    for version in (None, None, 3, "3", "champion"):
        await client.predict("penguins", ROW, version)
    asked = yard.asked(ModelMetadataRequest)
    assert [it.version for it in asked] == ["champion", "3", "champion"]
    assert yard.calls["GetModelVersion"] == 1
    assert yard.calls["ModelInfer"] == 5


async def test_a_model_that_changed_its_columns_is_looked_at_again(
    client: AsyncClient, yard: Yard
) -> None:
    await client.predict("penguins", ROW)
    yard.metadata = metadata(length="FP32", island="BYTES", year="INT64")
    prediction = await client.predict("penguins", {**ROW, "year": 2007})
    assert prediction.label.tolist() == ["Adelie"]
    assert yard.calls["ModelMetadata"] == 2
    with pytest.raises(ModelyardError, match="column 'year' is lacking"):
        await client.predict("penguins", ROW)
    assert yard.calls["ModelInfer"] == 2


async def test_a_refusal_is_answered_by_one_more_look(client: AsyncClient, yard: Yard) -> None:
    await client.predict("penguins", ROW)
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.INVALID_ARGUMENT)]
    await client.predict("penguins", ROW)
    assert yard.calls["ModelMetadata"] == 2
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.INVALID_ARGUMENT)] * 2
    with pytest.raises(ModelyardError, match="as planned"):
        await client.predict("penguins", ROW)


async def test_other_errors_are_not_answered_by_a_look(client: AsyncClient, yard: Yard) -> None:
    await client.predict("penguins", ROW)
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.INTERNAL)]
    with pytest.raises(ModelyardError, match="as planned"):
        await client.predict("penguins", ROW)
    assert yard.calls["ModelMetadata"] == 1


async def test_an_overloaded_server_is_asked_again(client: AsyncClient, yard: Yard) -> None:
    yard.before["ModelInfer"] = [failing(grpc.StatusCode.UNAVAILABLE)]
    assert len(await client.predict("penguins", ROW)) == 1
    assert yard.calls["ModelInfer"] == 2


async def test_a_prediction_does_without_the_registry(client: AsyncClient, yard: Yard) -> None:
    yard.versions.clear()
    prediction = await client.predict("penguins", ROW)
    assert prediction.classes == ()
    assert prediction.rows == [{"label": "Adelie", "probabilities": [1, 0]}]
    assert repr(prediction) == (
        "<penguins version 3, 1 row: label Adelie, probabilities [1.0, 0.0]>"
    )


async def test_a_regression_has_values(client: AsyncClient, yard: Yard) -> None:
    yard.infer = lambda _: answer(value=[[float(n)] for n in range(7)])
    prediction = await client.predict("penguins", ROW)
    assert prediction.value.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert prediction.rows[2] == {"value": 2}
    assert repr(prediction).endswith("7 rows: value 0; value 1; value 2; value 3; value 4; ...>")
    assert not yard.calls["GetModelVersion"]
    with pytest.raises(AttributeError, match="has no output 'label'; it has 'value'"):
        _ = prediction.label


async def test_an_output_without_dimensions_is_one_row(client: AsyncClient, yard: Yard) -> None:
    yard.infer = lambda _: answer(total=7)
    assert (await client.predict("penguins", ROW)).rows == [{"total": 7}]


async def test_a_model_that_is_not_served_is_named(client: AsyncClient, yard: Yard) -> None:
    yard.metadata = None
    with pytest.raises(ModelyardError, match="model 'penguins' is not served"):
        await client.predict("penguins", ROW)


async def test_infer_sends_and_returns_tensors_by_name(client: AsyncClient, yard: Yard) -> None:
    yard.infer = lambda _: answer(label=["é"], n=[[1, 2]])
    inputs: dict[str, Any] = {"a": np.array([[1, 2]], np.uint8), "b": ["x", "yy"], "c": [0.5]}
    inference = await client.infer("penguins", inputs, version=2, outputs=["label", "n"])

    (request,) = yard.asked(ModelInferRequest)
    assert request.model_version == "2"
    assert [it.datatype for it in request.inputs] == ["UINT8", "BYTES", "FP64"]
    assert [it.name for it in request.outputs] == ["label", "n"]
    assert inference.outputs["label"].tolist() == ["é".encode()]
    assert inference.outputs["n"].tolist() == [[1, 2]]
    assert inference.model_version == "3"
    assert not yard.calls["ModelMetadata"]


async def test_infer_refuses_what_is_no_tensor(client: AsyncClient) -> None:
    with pytest.raises(ModelyardError, match="complex128 is no tensor"):
        await client.infer("penguins", {"a": np.array([1j])})


async def test_an_answer_that_can_not_be_read_is_told(client: AsyncClient, yard: Yard) -> None:
    broken = answer(n=[1, 2])
    broken.raw_output_contents[0] = b"123"
    yard.infer = lambda _: broken
    with pytest.raises(ModelyardError, match="'penguins' can't be read") as caught:
        await client.infer("penguins", {"a": [1]})
    assert caught.value.code is grpc.StatusCode.DATA_LOSS
