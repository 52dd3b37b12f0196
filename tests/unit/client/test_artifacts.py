import hashlib
import io
import json
from pathlib import Path

import grpc
import pytest

from modelyard import AsyncClient, Model, ModelVersion, ModelyardError
from modelyard.registry.v1.registry_pb2 import UploadArtifactRequest
from modelyard.registry.v1.resources_pb2 import TASK_REGRESSION, Fault
from tests.unit.client.yard import Yard, failing

ONNX = b"an onnx model"
FILE = "models/m/versions/1/artifacts/model.onnx"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_push_makes_uploads_and_finalizes(
    client: AsyncClient, yard: Yard, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(ONNX)
    told: list[tuple[int, int]] = []

    version = await client.push(
        "m",
        tmp_path / "model.onnx",
        golden_rows={"inputs": {}, "outputs": {}},
        task="regression",
        classes=["a", "b"],
        description="by hand",
        labels={"team": "sea"},
        progress=lambda *it: told.append(it),
    )

    assert version.state == ModelVersion.STATE_ACTIVE
    assert (version.task, list(version.classes)) == (TASK_REGRESSION, ["a", "b"])
    assert (version.description, version.labels["team"]) == ("by hand", "sea")
    assert told == [(len(ONNX), len(ONNX))]
    assert yard.files[FILE] == ONNX
    golden = yard.files["models/m/versions/1/artifacts/golden-rows.json"]
    assert json.loads(golden) == {"inputs": {}, "outputs": {}}
    assert yard.asked(UploadArtifactRequest.Header)[0].sha256 == hashlib.sha256(ONNX).hexdigest()


async def test_push_to_a_model_that_is_there_with_golden_rows_from_a_file(
    client: AsyncClient, yard: Yard
) -> None:
    model = yard.models["models/m"] = Model(name="models/m")
    await client.push(model, ONNX, golden_rows=io.BytesIO(b"{}"))
    assert yard.files["models/m/versions/1/artifacts/golden-rows.json"] == b"{}"


async def test_push_returns_a_refused_version_with_its_faults(
    client: AsyncClient, yard: Yard
) -> None:
    yard.faults_of_version = [Fault(reason="NOT_ONNX", message="no graph")]
    version = await client.push("m", ONNX)
    assert version.state == ModelVersion.STATE_FAILED
    assert version.faults[0].message == "no graph"


async def test_push_of_no_file_makes_nothing(client: AsyncClient, yard: Yard) -> None:
    with pytest.raises(FileNotFoundError):
        await client.push("m", "nowhere.onnx")
    assert not yard.requests


async def test_push_stops_when_the_model_can_not_be_made(client: AsyncClient, yard: Yard) -> None:
    yard.before["CreateModel"] = [failing(grpc.StatusCode.INVALID_ARGUMENT, "no such id")]
    with pytest.raises(ModelyardError, match="no such id"):
        await client.push("M!", ONNX)


async def test_download_writes_every_byte(client: AsyncClient, yard: Yard, tmp_path: Path) -> None:
    yard.files[FILE] = ONNX
    told: list[tuple[int, int]] = []
    target = tmp_path / "copy.onnx"
    target.write_bytes(b"old")

    artifact = await client.download_artifact(
        "m", 1, "model.onnx", target, progress=lambda *it: told.append(it)
    )

    assert target.read_bytes() == ONNX
    assert artifact.size_bytes == len(ONNX)
    assert told[-1] == (len(ONNX), len(ONNX))
    assert names_in(tmp_path) == ["copy.onnx"]


async def test_damaged_download_leaves_what_was_there(
    client: AsyncClient, yard: Yard, tmp_path: Path
) -> None:
    yard.files[FILE] = ONNX
    yard.lost_bytes = 1
    target = tmp_path / "copy.onnx"
    target.write_bytes(b"old")

    with pytest.raises(ModelyardError, match="came damaged") as caught:
        await client.download_artifact("m", 1, "model.onnx", str(target))

    assert caught.value.code is grpc.StatusCode.DATA_LOSS
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["copy.onnx"]


async def test_download_of_what_is_not_there(client: AsyncClient, tmp_path: Path) -> None:
    with pytest.raises(ModelyardError, match="there is no models/m/versions/1"):
        await client.download_artifact("m", 1, "model.onnx", tmp_path / "copy.onnx")
    assert not names_in(tmp_path)
