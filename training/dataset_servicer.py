"""DatasetService: messages to values, one domain call, and back."""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty

from modelyard.training.v1 import datasets_pb2 as rpc
from modelyard.training.v1 import datasets_pb2_grpc as stubs
from registry.errors import FieldInvalid
from registry.list_filters import name_list, read_selection
from registry.messages import request_key
from registry.paging import cut_page, read_page
from registry.requests import do_once
from registry.transactions import Sessions, begin
from registry.uploads import split_upload
from training import dataset_changes, datasets, names
from training.dataset_filters import DATASETS, TABLES, place_of_dataset
from training.dataset_messages import dataset_change, dataset_draft, to_dataset, upload_of
from training.table_files import TableFiles
from training.table_messages import to_dataset_version, to_preview
from training.table_sources import TableSources
from training.table_uploads import TableUploads

_PREVIEW_ROWS = 20


class DatasetServicer(stubs.DatasetServiceServicer):
    """Answers DatasetService.

    Args:
        sessions: Opens transactions.
        uploads: Takes tables.
        sources: Fetches tables.
        files: Removes the files of deleted tables.
    """

    def __init__(
        self, sessions: Sessions, uploads: TableUploads, sources: TableSources, files: TableFiles
    ) -> None:
        self._sessions = sessions
        self._uploads = uploads
        self._sources = sources
        self._files = files

    async def CreateDataset(self, request: rpc.CreateDatasetRequest, context: Any) -> rpc.Dataset:
        """Make a dataset."""
        draft = dataset_draft(request.dataset)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            dataset = await do_once(
                session,
                request_key("CreateDataset", request),
                lambda: datasets.create_dataset(session, request.dataset_id, draft),
                lambda dataset: dataset.dataset_id,
                lambda dataset_id: datasets.get_dataset(session, dataset_id),
            )
        return to_dataset(dataset)

    async def GetDataset(self, request: rpc.GetDatasetRequest, context: Any) -> rpc.Dataset:
        """Return a dataset."""
        dataset_id = names.dataset_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_dataset(await datasets.get_dataset(session, dataset_id))

    async def ListDatasets(
        self, request: rpc.ListDatasetsRequest, context: Any
    ) -> rpc.ListDatasetsResponse:
        """List datasets."""
        wanted = read_selection(DATASETS, request.filter, request.order_by)
        name = name_list("datasets", request)
        page = read_page(name, request.page_size, request.page_token, wanted.place_pattern)
        async with begin(self._sessions) as session:
            found = await datasets.list_datasets(session, page, wanted)
        shown, token = cut_page(found, page, name, lambda it: place_of_dataset(it, wanted.order))
        return rpc.ListDatasetsResponse(
            datasets=[to_dataset(dataset) for dataset in shown], next_page_token=token
        )

    async def UpdateDataset(self, request: rpc.UpdateDatasetRequest, context: Any) -> rpc.Dataset:
        """Change a dataset."""
        change = dataset_change(request)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            dataset = await do_once(
                session,
                request_key("UpdateDataset", request),
                lambda: dataset_changes.update_dataset(session, change),
                lambda dataset: dataset.dataset_id,
                lambda dataset_id: datasets.get_dataset(session, dataset_id),
            )
        return to_dataset(dataset)

    async def DeleteDataset(self, request: rpc.DeleteDatasetRequest, context: Any) -> Empty:
        """Remove a dataset, and the files that were only its own."""
        dataset_id = names.dataset_id_of(request.name, "name")
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            await do_once(
                session,
                request_key("DeleteDataset", request),
                lambda: dataset_changes.delete_dataset(
                    session, dataset_id, request.etag, force=request.force
                ),
                lambda _: request.name,
                _find_nothing,
            )
        await self._files.remove_unused()
        return Empty()

    async def UploadDataset(
        self, requests: AsyncIterator[rpc.UploadDatasetRequest], context: Any
    ) -> rpc.DatasetVersion:
        """Store a table, with its schema and profile."""
        header, chunks = await split_upload(requests)
        return to_dataset_version(await self._uploads.receive(upload_of(header, "header."), chunks))

    async def ImportDataset(
        self, request: rpc.ImportDatasetRequest, context: Any
    ) -> rpc.DatasetVersion:
        """Fetch a table and store it."""
        upload, chunks = upload_of(request, ""), self._sources.open(request.uri)
        return to_dataset_version(await self._uploads.receive(upload, chunks))

    async def GetDatasetVersion(
        self, request: rpc.GetDatasetVersionRequest, context: Any
    ) -> rpc.DatasetVersion:
        """Return a table's description."""
        dataset_id, reference = names.dataset_version_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_dataset_version(await datasets.get_version(session, dataset_id, reference))

    async def ListDatasetVersions(
        self, request: rpc.ListDatasetVersionsRequest, context: Any
    ) -> rpc.ListDatasetVersionsResponse:
        """List the tables of a dataset."""
        dataset_id = names.dataset_id_of(request.parent, "parent")
        wanted = read_selection(TABLES, request.filter, request.order_by)
        list_name = name_list(f"{request.parent}/versions", request)
        page = read_page(list_name, request.page_size, request.page_token, wanted.place_pattern)
        async with begin(self._sessions) as session:
            found = await datasets.list_versions(session, dataset_id, page, wanted)
        shown, token = cut_page(found, page, list_name, lambda version: str(version.number))
        return rpc.ListDatasetVersionsResponse(
            dataset_versions=[to_dataset_version(version) for version in shown],
            next_page_token=token,
        )

    async def DeleteDatasetVersion(
        self, request: rpc.DeleteDatasetVersionRequest, context: Any
    ) -> Empty:
        """Remove a table, and its files where no other table has the same."""
        dataset_id, number = names.numbered_dataset_version_of(request.name, "name")
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            await do_once(
                session,
                request_key("DeleteDatasetVersion", request),
                lambda: dataset_changes.delete_version(session, dataset_id, number),
                lambda _: request.name,
                _find_nothing,
            )
        await self._files.remove_unused()
        return Empty()

    async def PreviewDatasetVersion(
        self, request: rpc.PreviewDatasetVersionRequest, context: Any
    ) -> rpc.PreviewDatasetVersionResponse:
        """Return the first rows of a table."""
        dataset_id, reference = names.dataset_version_of(request.name, "name")
        if request.row_count < 0:
            raise FieldInvalid("row_count must not be negative", field="row_count")
        async with begin(self._sessions) as session:
            version, rows = await datasets.get_preview(session, dataset_id, reference)
        return to_preview(version, rows, request.row_count or _PREVIEW_ROWS)


async def _find_nothing(_: str) -> None:
    """Stand for the answer of a deletion that was done before."""
