"""Datasets on real parts: changed, deleted, previewed, with the files that belong to them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from modelyard.training.v1 import datasets_pb2 as pb
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.errors import EtagMismatch, FieldInvalid
from registry.transactions import Sessions, begin
from tests.support.penguins import penguin_csv
from training import dataset_changes, jobs
from training.dataset_servicer import DatasetServicer
from training.errors import (
    DatasetInUse,
    DatasetNotEmpty,
    DatasetNotFound,
    DatasetVersionNotFound,
    TableFileLost,
)
from training.ingesting import ReadOptions
from training.job import JobSpec
from training.table_files import TableFiles
from training.table_reader import TableReader
from training.table_sources import TableSources
from training.table_uploads import TableUploads

FIRST = "datasets/d/versions/1"


class Desk:
    """A servicer, and how its calls are made."""

    def __init__(self, sessions: Sessions, store: LocalArtifactStore, reader: TableReader) -> None:
        self.sessions, self.store = sessions, store
        self.files = TableFiles(sessions, store)
        uploads = TableUploads(sessions, store, reader, 1 << 20)
        self.servicer = DatasetServicer(sessions, uploads, TableSources(()), self.files)

    async def call(self, request: Any) -> Any:
        name = type(request).__name__.removesuffix("Request")
        return await getattr(self.servicer, name)(request, None)

    async def upload(self, content: bytes, parent: str = "datasets/d", **said: Any) -> Any:
        async def pieces() -> AsyncIterator[pb.UploadDatasetRequest]:
            header = pb.UploadDatasetRequest.Header(parent=parent, **said)
            yield pb.UploadDatasetRequest(header=header)
            yield pb.UploadDatasetRequest(chunk=content)

        return await self.servicer.UploadDataset(pieces(), None)

    async def create_job(self, version: str = "1") -> None:
        spec = JobSpec("m", "d", version, "y")
        async with begin(self.sessions) as session:
            await jobs.create_job(session, "j", spec)

    def count_files(self) -> int:
        folder = Path(self.store._folder)
        return sum(path.is_file() for path in folder.glob("??/*"))


@pytest.fixture
async def desk(
    sessions: Sessions, store: LocalArtifactStore, children: ChildProcess, tmp_path: Path
) -> Desk:
    reader = TableReader(store, children, ChildLimits(seconds=60), tmp_path / "work")
    desk = Desk(sessions, store, reader)
    await desk.call(pb.CreateDatasetRequest(dataset_id="d"))
    return desk


CSV = b"x;y;day\n1,5;a;2024-01-02\n2,5;b;\n"


async def test_what_is_said_of_a_file_is_kept_with_its_profile(desk: Desk) -> None:
    made = await desk.upload(
        CSV,
        csv_options=pb.CsvOptions(decimal=","),
        column_types={"y": pb.COLUMN_TYPE_TEXT},
    )
    assert made.state == pb.DatasetVersion.STATE_ACTIVE
    assert (made.csv_options.delimiter, made.csv_options.encoding) == (";", "utf-8")
    x, _, day = made.columns
    assert (x.type, x.minimum, x.mean) == (pb.COLUMN_TYPE_FLOAT, 1.5, 2.0)
    assert x.histogram.counts[0] == 1
    assert [it.value for it in x.quantiles][-1] == 2.5
    assert (day.type, day.minimum) == (pb.COLUMN_TYPE_TIME, 1_704_153_600.0)
    assert await desk.call(pb.GetDatasetVersionRequest(name=FIRST)) == made
    (listed,) = (
        await desk.call(pb.ListDatasetVersionsRequest(parent="datasets/d"))
    ).dataset_versions
    assert (listed.name, listed.row_count, len(listed.columns)) == (FIRST, 2, 0)


async def test_a_preview_has_typed_cells(desk: Desk) -> None:
    await desk.upload(CSV, csv_options=pb.CsvOptions(decimal=","))
    preview = await desk.call(pb.PreviewDatasetVersionRequest(name=FIRST))
    assert [column.name for column in preview.columns] == ["x", "y", "day"]
    first, second = (row.cells for row in preview.rows)
    assert (first[0].float_value, first[1].text_value) == (1.5, "a")
    assert first[2].time_value.seconds == 1_704_153_600
    assert second[2].WhichOneof("kind") is None
    one = await desk.call(pb.PreviewDatasetVersionRequest(name=FIRST, row_count=1))
    assert len(one.rows) == 1
    with pytest.raises(FieldInvalid):
        await desk.call(pb.PreviewDatasetVersionRequest(name=FIRST, row_count=-1))


async def test_a_refused_table_names_the_limit_and_has_no_preview(desk: Desk) -> None:
    made = await desk.upload(b"x\n1\nword\n", column_types={"x": pb.COLUMN_TYPE_INTEGER})
    assert made.state == pb.DatasetVersion.STATE_FAILED
    assert made.faults[0].reason == "TABLE_INVALID"
    assert "row 2 after the header holds 'word'" in made.faults[0].message
    assert not (await desk.call(pb.PreviewDatasetVersionRequest(name=FIRST))).rows


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"csv_options": pb.CsvOptions(delimiter="ab")}, "header.csv_options.delimiter"),
        ({"column_types": {"x": 99}}, "header.column_types"),
        ({"format": 99}, "header.format"),
    ],
)
async def test_what_is_not_legal_is_refused_before_a_byte(
    desk: Desk, said: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        await desk.upload(b"", **said)
    assert caught.value.field == field


async def test_an_update_compares_and_takes_what_the_mask_names(desk: Desk) -> None:
    seen = await desk.call(pb.GetDatasetRequest(name="datasets/d"))
    wanted = pb.Dataset(name="datasets/d", etag=seen.etag, description="birds", labels={"a": "b"})
    mask = FieldMask(paths=["description"])
    changed = await desk.call(pb.UpdateDatasetRequest(dataset=wanted, update_mask=mask))
    assert (changed.description, dict(changed.labels)) == ("birds", {})
    assert changed.etag != seen.etag
    with pytest.raises(EtagMismatch):
        await desk.call(pb.UpdateDatasetRequest(dataset=wanted))
    mask = FieldMask(paths=["uid"])
    with pytest.raises(FieldInvalid):
        await desk.call(pb.UpdateDatasetRequest(dataset=wanted, update_mask=mask))
    with pytest.raises(EtagMismatch):
        await desk.call(pb.DeleteDatasetRequest(name="datasets/d", etag=seen.etag))


async def test_a_deleted_version_takes_its_files_along(desk: Desk) -> None:
    await desk.upload(CSV)
    await desk.upload(CSV)
    assert desk.count_files() == 2  # an upload and its typed copy, shared by both
    await desk.call(pb.DeleteDatasetVersionRequest(name=FIRST, validate_only=True))
    request = pb.DeleteDatasetVersionRequest(name=FIRST, request_id=str(uuid.uuid4()))
    await desk.call(request)
    await desk.call(request)
    assert desk.count_files() == 2
    with pytest.raises(DatasetVersionNotFound):
        await desk.call(pb.GetDatasetVersionRequest(name=FIRST))
    await desk.call(pb.DeleteDatasetVersionRequest(name="datasets/d/versions/2"))
    assert desk.count_files() == 0
    assert (await desk.upload(CSV)).name == "datasets/d/versions/3"
    assert desk.count_files() == 2
    with pytest.raises(FieldInvalid):
        await desk.call(pb.DeleteDatasetVersionRequest(name="datasets/d/versions/latest"))


async def test_a_deleted_dataset_is_gone_and_its_id_is_free(desk: Desk) -> None:
    first = await desk.call(pb.GetDatasetRequest(name="datasets/d"))
    await desk.upload(CSV)
    with pytest.raises(DatasetNotEmpty):
        await desk.call(pb.DeleteDatasetRequest(name="datasets/d"))
    await desk.call(pb.DeleteDatasetRequest(name="datasets/d", force=True))
    assert desk.count_files() == 0
    for request in (
        pb.GetDatasetRequest(name="datasets/d"),
        pb.GetDatasetVersionRequest(name=FIRST),
        pb.DeleteDatasetRequest(name="datasets/d"),
    ):
        with pytest.raises(DatasetNotFound):
            await desk.call(request)
    assert not (await desk.call(pb.ListDatasetsRequest())).datasets
    again = await desk.call(pb.CreateDatasetRequest(dataset_id="d"))
    assert again.uid != first.uid
    assert (await desk.upload(CSV)).name == FIRST


async def test_what_an_open_job_uses_stays(desk: Desk) -> None:
    await desk.upload(penguin_csv().replace(b"species", b"y"))
    await desk.create_job("latest")
    for request in (
        pb.DeleteDatasetVersionRequest(name=FIRST),
        pb.DeleteDatasetRequest(name="datasets/d", force=True),
    ):
        with pytest.raises(DatasetInUse, match="'j'"):
            await desk.call(request)
    async with begin(desk.sessions) as session:
        await jobs.cancel_job(session, "j")
    await desk.call(pb.DeleteDatasetRequest(name="datasets/d", force=True))
    async with begin(desk.sessions) as session:
        job = await jobs.get_job(session, "j")
    assert (job.spec.dataset_id, job.spec.dataset_reference) == ("d", "1")


async def test_a_job_and_a_deletion_at_once_agree(desk: Desk) -> None:
    await desk.upload(CSV)
    async with begin(desk.sessions) as session:
        await dataset_changes.delete_version(session, "d", 1)
        waiting = asyncio.create_task(desk.create_job())
        # The job waits for the deletion's lock, or has not asked for it yet: both are well.
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        assert not done
    with pytest.raises(DatasetVersionNotFound):
        await waiting


class SlowReader(TableReader):
    """Deletes the file behind the back of an upload that is being read."""

    desk: Desk

    async def read(self, stored: Any, table_format: Any, options: ReadOptions | None = None) -> Any:
        found = await super().read(stored, table_format, options)
        await self.desk.call(pb.DeleteDatasetVersionRequest(name=FIRST))
        return found


async def test_an_upload_whose_file_a_deletion_took_is_refused(
    desk: Desk, children: ChildProcess, tmp_path: Path
) -> None:
    await desk.upload(CSV)
    reader = SlowReader(desk.store, children, ChildLimits(seconds=60), tmp_path / "slow")
    reader.desk = desk
    with pytest.raises(TableFileLost):
        await Desk(desk.sessions, desk.store, reader).upload(CSV)
    assert (await desk.upload(CSV)).state == pb.DatasetVersion.STATE_ACTIVE
