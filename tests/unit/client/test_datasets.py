import hashlib
import io
from pathlib import Path

import grpc
import pytest

from modelyard import AsyncClient, CsvOptions, Dataset, DatasetVersion, ModelyardError
from modelyard.files import CHUNK_BYTES, Source
from modelyard.training.v1.datasets_pb2 import (
    COLUMN_TYPE_TEXT,
    TABLE_FORMAT_ARROW,
    TABLE_FORMAT_CSV,
    CreateDatasetRequest,
    DeleteDatasetRequest,
    ImportDatasetRequest,
    UpdateDatasetRequest,
    UploadDatasetRequest,
)
from tests.unit.client.yard import Yard, failing

TABLE = b"length,width\n1,2\n3,4\n"


async def test_upload_makes_the_dataset_and_sends_every_byte_with_its_digest(
    client: AsyncClient, yard: Yard, tmp_path: Path
) -> None:
    data = TABLE + b"0" * (2 * CHUNK_BYTES + 1)
    (tmp_path / "table.csv").write_bytes(data)
    told: list[tuple[int, int]] = []

    table = await client.upload_dataset(
        "penguins", tmp_path / "table.csv", "csv", progress=lambda *it: told.append(it)
    )

    assert yard.files[table.name] == data
    assert (table.state, table.format) == (DatasetVersion.STATE_ACTIVE, TABLE_FORMAT_CSV)
    (header,) = yard.asked(UploadDatasetRequest.Header)
    assert header.sha256 == hashlib.sha256(data).hexdigest()
    assert told == [(n, len(data)) for n in (CHUNK_BYTES, 2 * CHUNK_BYTES, len(data))]
    (created,) = yard.asked(CreateDatasetRequest)
    assert created.dataset_id == "penguins"
    assert len(created.request_id) == 36


@pytest.mark.parametrize("form", ["bytes", "file", "text path"])
async def test_upload_takes_paths_bytes_and_files(
    client: AsyncClient, yard: Yard, tmp_path: Path, form: str
) -> None:
    (tmp_path / "table.csv").write_bytes(TABLE)
    file = io.BytesIO(b"skipped" + TABLE)
    file.seek(7)
    sources: dict[str, Source] = {
        "bytes": TABLE,
        "file": file,
        "text path": str(tmp_path / "table.csv"),
    }

    table = await client.upload_dataset(Dataset(name="datasets/penguins"), sources[form])

    assert yard.files[table.name] == TABLE


async def test_upload_into_a_dataset_that_is_there(client: AsyncClient, yard: Yard) -> None:
    yard.datasets["datasets/penguins"] = Dataset(name="datasets/penguins")
    assert (await client.upload_dataset("penguins", TABLE)).row_count == 2


async def test_upload_stops_when_the_dataset_can_not_be_made(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["CreateDataset"] = [failing(grpc.StatusCode.INVALID_ARGUMENT, "no such id")]
    with pytest.raises(ModelyardError, match="no such id"):
        await client.upload_dataset("Penguins!", TABLE)
    assert not yard.calls["UploadDataset"]


async def test_refused_upload_tells_why(client: AsyncClient, yard: Yard) -> None:
    refuse = failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
    yard.before["UploadDataset"] = [refuse] * 4  # its status may be lost on the way
    with pytest.raises(ModelyardError, match="too large") as caught:
        await client.upload_dataset("penguins", TABLE)
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_upload_whose_status_was_lost_is_asked_again(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["UploadDataset"] = [
        failing(grpc.StatusCode.INTERNAL, "Internal error from Core") for _ in range(3)
    ]
    assert (await client.upload_dataset("penguins", TABLE)).row_count == 2
    yard.before["UploadDataset"] = [
        failing(grpc.StatusCode.INTERNAL, "Internal error from Core") for _ in range(4)
    ]
    with pytest.raises(ModelyardError, match="from Core"):
        await client.upload_dataset("penguins", TABLE)


async def test_an_error_while_reading_reaches_the_caller(client: AsyncClient) -> None:
    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError(f"at {done} of {total}")

    with pytest.raises(ZeroDivisionError, match="at 21 of 21"):
        await client.upload_dataset("penguins", TABLE, progress=stop)


async def test_datasets_and_their_versions_can_be_found(client: AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await client.upload_dataset(name, TABLE)

    assert [it.name for it in await client.list_datasets()] == [
        "datasets/a",
        "datasets/b",
        "datasets/c",
    ]
    assert [it.name for it in await client.list_datasets(limit=1)] == ["datasets/a"]
    assert (await client.get_dataset("b")).name == "datasets/b"
    versions = await client.list_dataset_versions("a", limit=2)
    assert len(versions) == 2
    assert await client.get_dataset_version(versions[0]) == versions[0]
    assert await client.get_dataset_version("datasets/a/versions/1") == versions[0]


async def test_a_dataset_alone_means_its_latest_version(client: AsyncClient) -> None:
    with pytest.raises(ModelyardError, match="datasets/a/versions/latest"):
        await client.get_dataset_version("a")


async def test_how_a_file_is_written_travels_with_it(client: AsyncClient, yard: Yard) -> None:
    options = CsvOptions(delimiter=";", decimal=",")
    await client.upload_dataset(
        "penguins", TABLE, "csv", csv_options=options, column_types={"length": "text"}
    )
    (header,) = yard.asked(UploadDatasetRequest.Header)
    assert header.csv_options == options
    assert dict(header.column_types) == {"length": COLUMN_TYPE_TEXT}


async def test_the_server_fetches_what_it_is_told(client: AsyncClient, yard: Yard) -> None:
    table = await client.import_dataset("birds", "s3://bucket/birds.csv", "arrow")
    assert table.name == "datasets/birds/versions/1"
    (request,) = yard.asked(ImportDatasetRequest)
    assert (request.uri, request.format) == ("s3://bucket/birds.csv", TABLE_FORMAT_ARROW)


async def test_an_update_names_what_was_given(client: AsyncClient, yard: Yard) -> None:
    yard.datasets["datasets/d"] = Dataset(name="datasets/d", display_name="kept")
    changed = await client.update_dataset(
        Dataset(name="datasets/d", etag="seen"), description="", labels={"team": "sea"}
    )
    assert (changed.display_name, dict(changed.labels)) == ("kept", {"team": "sea"})
    (request,) = yard.asked(UpdateDatasetRequest)
    assert list(request.update_mask.paths) == ["description", "labels"]
    assert request.dataset.etag == "seen"


async def test_deletions_and_previews(client: AsyncClient, yard: Yard) -> None:
    table = await client.upload_dataset("d", TABLE)
    preview = await client.preview_dataset(table, 1)
    assert preview.rows[0].cells[0].float_value == 1.5
    await client.delete_dataset_version(table)
    assert not yard.tables
    await client.delete_dataset("d", force=True)
    assert not yard.datasets
    (request,) = yard.asked(DeleteDatasetRequest)
    assert request.force
    assert len(request.request_id) == 36
