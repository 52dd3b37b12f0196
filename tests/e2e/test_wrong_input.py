"""Wrong input answers with the right code, the field at fault, and changes nothing."""

import re
from typing import Any

import grpc
import numpy as np
import pytest

from modelyard import Client, ModelyardError
from modelyard.registry.v1 import registry_pb2 as registry
from modelyard.registry.v1 import registry_pb2_grpc as registry_stubs
from modelyard.registry.v1 import resources_pb2 as resources
from modelyard.training.v1 import training_pb2 as training
from tests.support import onnx_models
from tests.support.penguins import features_of, one_class_csv, penguin_rows
from tests.support.server_process import ServerProcess

ROW = features_of(penguin_rows()[0])
CODE = grpc.StatusCode


def tensors(**changes: Any) -> dict[str, Any]:
    """Make the input tensors of one penguin, some of them changed."""
    made = {
        name: np.array([[value]], dtype=object if isinstance(value, str) else None)
        for name, value in ROW.items()
    }
    for name, value in made.items():
        if value.dtype == np.float64:
            made[name] = value.astype(np.float32)
    return {name: value for name, value in (made | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("model", "version", "changes", "code", "words"),
    [
        ("none", None, {}, CODE.NOT_FOUND, "no model 'none'"),
        ("penguins", "77", {}, CODE.NOT_FOUND, "77"),
        ("penguins", "nowhere", {}, CODE.NOT_FOUND, "nowhere"),
        ("penguins", "No!", {}, CODE.INVALID_ARGUMENT, "model_version"),
        ("penguins", None, {"island": None}, CODE.INVALID_ARGUMENT, "island"),
        ("penguins", None, {"wings": np.ones((1, 1))}, CODE.INVALID_ARGUMENT, "wings"),
        (
            "penguins",
            None,
            {"bill_length_mm": np.ones((1, 1), dtype=np.int64)},
            CODE.INVALID_ARGUMENT,
            "bill_length_mm",
        ),
        (
            "penguins",
            None,
            {"bill_length_mm": np.ones((1, 2), dtype=np.float32)},
            CODE.INVALID_ARGUMENT,
            "bill_length_mm",
        ),
        (
            "penguins",
            None,
            {"bill_length_mm": np.ones((3, 1), dtype=np.float32)},
            CODE.INVALID_ARGUMENT,
            "rows",
        ),
    ],
)
def test_wrong_predictions(
    client: Client, model: str, version: str | None, changes: Any, code: Any, words: str
) -> None:
    with pytest.raises(ModelyardError) as caught:
        client.infer(model, tensors(**changes), version=version)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"garbage", "NOT_ONNX"),
        (onnx_models.external_model(), "EXTERNAL_DATA"),
        (onnx_models.sequence_model(), "TYPE_NOT_SERVABLE"),
    ],
)
def test_a_bad_model_file_becomes_a_failed_version(
    client: Client, content: bytes, reason: str
) -> None:
    version = client.push(f"bad-{reason.lower().replace('_', '-')}", content)
    assert version.state == resources.ModelVersion.STATE_FAILED
    assert [fault.reason for fault in version.faults] == [reason]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "wingspan"}, "training_job.target"),
        ({"target": ""}, "training_job.target"),
        ({"trainer": "magic"}, "training_job.trainer"),
        ({"features": ["wingspan"]}, "training_job.features[0].column"),
        ({"holdout_fraction": 1.5}, "training_job.holdout_fraction"),
        (
            {"trainer": "random-forest", "settings": {"trees": -1}},
            "training_job.settings.trees",
        ),
        (
            {"trainer": "random-forest", "settings": {"leaves": 1}},
            "training_job.settings.leaves",
        ),
    ],
)
def test_a_job_that_must_fail_is_not_begun(client: Client, changes: Any, field: str) -> None:
    before = len(client.list_training_jobs())
    wanted = {"model": "new", "dataset": "penguins", "target": "species"} | changes
    with pytest.raises(ModelyardError) as caught:
        client.train(**wanted)
    assert caught.value.code == CODE.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == [field]
    assert len(client.list_training_jobs()) == before
    with pytest.raises(ModelyardError, match="no model"):
        client.get_model("new")


def test_a_table_that_does_not_exist_is_not_found(client: Client) -> None:
    with pytest.raises(ModelyardError) as caught:
        client.train("new", "none", "species")
    assert (caught.value.code, caught.value.reason) == (CODE.NOT_FOUND, "DATASET_NOT_FOUND")


def test_one_class_fails_the_job_with_a_reason(client: Client) -> None:
    client.upload_dataset("one-class", one_class_csv())
    done = client.wait_for_training_job(client.train("one-class", "one-class", "species"))
    assert done.state == training.TrainingJob.STATE_FAILED
    assert done.fault.reason == "ONE_CLASS"
    assert client.list_model_versions("one-class") == []


@pytest.mark.parametrize("content", [b"", b"\0\1\2garbage", b"a,b\n1\n2,3,4\n", b"PAR1 no"])
def test_a_bad_table_becomes_a_failed_version(client: Client, content: bytes) -> None:
    version = client.upload_dataset("bad", content)
    assert version.faults
    assert not re.search(r"/\w+/\w+", version.faults[0].message)


def test_requests_are_done_once_and_their_ids_are_not_reused(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = registry_stubs.RegistryServiceStub(channel)
        request = registry.CreateModelRequest(
            model_id="once", request_id="7c9f1c2e-5f1d-4c38-8df2-3f6f1e2d9a01"
        )
        assert stub.CreateModel(request) == stub.CreateModel(request)
        request.model_id = "twice"
        with pytest.raises(grpc.RpcError) as caught:
            stub.CreateModel(request)
        assert caught.value.code() == CODE.INVALID_ARGUMENT


def test_an_unknown_method_is_unimplemented(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        call: Any = channel.unary_unary("/modelyard.registry.v1.RegistryService/DropEverything")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"")
        assert caught.value.code() == CODE.UNIMPLEMENTED


def test_an_upload_without_a_header_is_refused(server: ServerProcess) -> None:
    with grpc.insecure_channel(server.address) as channel:
        stub = registry_stubs.RegistryServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.UploadArtifact(iter([registry.UploadArtifactRequest(chunk=b"x")]))
        assert caught.value.code() == CODE.INVALID_ARGUMENT
