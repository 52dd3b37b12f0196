"""Datasets: upload a table, look at what is there, change and remove it."""

from collections.abc import AsyncIterator, Mapping
from typing import Literal, TypeAlias
from uuid import uuid4

import grpc

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.files import Content, Progress, Source, digested, opened
from modelyard.names import DatasetRef, TableRef, dataset_name, last_id, table_name
from modelyard.training.v1 import datasets_pb2 as messages
from modelyard.training.v1.datasets_pb2 import (
    ColumnType,
    CsvOptions,
    Dataset,
    DatasetVersion,
    PreviewDatasetVersionResponse,
    TableFormat,
)

FileFormat: TypeAlias = Literal["csv", "parquet", "arrow"]
TypeName: TypeAlias = Literal["boolean", "integer", "float", "text", "time"]

# The server fetches, reads and describes the table before it answers.
IMPORT_TIMEOUT_SECONDS = 3600.0


class DatasetOperations(Operations):
    """What can be done with datasets."""

    async def upload_dataset(
        self,
        dataset: DatasetRef,
        source: Source,
        file_format: FileFormat | None = None,
        progress: Progress | None = None,
        *,
        csv_options: CsvOptions | None = None,
        column_types: Mapping[str, TypeName] | None = None,
    ) -> DatasetVersion:
        """Store a table as the next version of a dataset, which is made if needed.

        Args:
            dataset: The dataset or its id.
            source: A path, the bytes, or a binary file that can seek.
            file_format: The form of the file; told from its first bytes when not given.
            progress: Is told how many bytes are sent, and of how many.
            csv_options: How a CSV file is written, where that can't be told from it.
            column_types: What columns hold, where that shall not be told from their values.

        Returns:
            The new version. Its state is ACTIVE, or FAILED with its faults.

        Raises:
            ModelyardError: A call failed.
            OSError: The file can't be read.
        """
        parent = dataset_name(dataset)
        await self._make_dataset(last_id(parent))
        header = messages.UploadDatasetRequest.Header(
            parent=parent,
            format=_format(file_format),
            csv_options=csv_options,
            column_types=_types(column_types),
        )
        with opened(source) as file:
            content = await self._calls.transport.offload(digested, file)
            header.sha256 = content.sha256
            return await self._calls.upload(
                self._calls.datasets.UploadDataset,
                lambda: self._dataset_pieces(header, content, progress),
            )

    async def import_dataset(
        self,
        dataset: DatasetRef,
        uri: str,
        file_format: FileFormat | None = None,
        *,
        csv_options: CsvOptions | None = None,
        column_types: Mapping[str, TypeName] | None = None,
    ) -> DatasetVersion:
        """Have the server fetch a table as the next version of a dataset, made if needed.

        Args:
            dataset: The dataset or its id.
            uri: `file:///...`, `s3://...` or `gs://...`, where the server's operator allows it.
            file_format: The form of the file; told from its first bytes when not given.
            csv_options: How a CSV file is written, where that can't be told from it.
            column_types: What columns hold, where that shall not be told from their values.

        Returns:
            The new version. Its state is ACTIVE, or FAILED with its faults.

        Raises:
            ModelyardError: The operator does not allow it, or a call failed.
        """
        parent = dataset_name(dataset)
        await self._make_dataset(last_id(parent))
        request = messages.ImportDatasetRequest(
            parent=parent,
            uri=uri,
            format=_format(file_format),
            csv_options=csv_options,
            column_types=_types(column_types),
        )
        return await self._calls.unary(
            self._calls.datasets.ImportDataset, request, IMPORT_TIMEOUT_SECONDS
        )

    async def update_dataset(
        self,
        dataset: DatasetRef,
        *,
        display_name: str | None = None,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Change what is said of a dataset; what is not given stays.

        Args:
            dataset: The dataset or its id. A message is changed only as it was seen.
            display_name: A name for people.
            description: What the rows are.
            labels: Free words; they take the place of those that are there.

        Raises:
            ModelyardError: There is none, somebody else changed it (code ABORTED), or the
                call failed.
        """
        etag = dataset.etag if isinstance(dataset, Dataset) else ""
        changed = Dataset(
            name=dataset_name(dataset),
            etag=etag,
            display_name=display_name or "",
            description=description or "",
            labels=labels,
        )
        request = messages.UpdateDatasetRequest(dataset=changed, request_id=str(uuid4()))
        given = {"display_name": display_name, "description": description, "labels": labels}
        request.update_mask.paths.extend(name for name, it in given.items() if it is not None)
        return await self._calls.unary(self._calls.datasets.UpdateDataset, request)

    async def delete_dataset(self, dataset: DatasetRef, *, force: bool = False) -> None:
        """Remove a dataset; its id is free again.

        Args:
            dataset: The dataset or its id. A message is removed only as it was seen.
            force: Whether to remove its versions with it.

        Raises:
            ModelyardError: It has versions, an open job uses one (both with code
                FAILED_PRECONDITION), there is none, or the call failed.
        """
        request = messages.DeleteDatasetRequest(
            name=dataset_name(dataset),
            force=force,
            etag=dataset.etag if isinstance(dataset, Dataset) else "",
            request_id=str(uuid4()),
        )
        await self._calls.unary(self._calls.datasets.DeleteDataset, request)

    async def delete_dataset_version(self, table: DatasetVersion | str) -> None:
        """Remove a version of a dataset with its file; models trained on it stay.

        Args:
            table: The version or its name, such as `wine/versions/9`.

        Raises:
            ModelyardError: An open job uses it (code FAILED_PRECONDITION), there is none, or
                the call failed.
        """
        request = messages.DeleteDatasetVersionRequest(
            name=table_name(table), request_id=str(uuid4())
        )
        await self._calls.unary(self._calls.datasets.DeleteDatasetVersion, request)

    async def preview_dataset(
        self, table: TableRef, rows: int = 20
    ) -> PreviewDatasetVersionResponse:
        """Return the first rows of a table, with the names and types of its columns.

        Args:
            table: The version or its name; a dataset alone means its latest version.
            rows: How many at most; there are never more than 100.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.PreviewDatasetVersionRequest(name=table_name(table), row_count=rows)
        return await self._calls.unary(self._calls.datasets.PreviewDatasetVersion, request)

    async def get_dataset(self, dataset: DatasetRef) -> Dataset:
        """Return a dataset.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetDatasetRequest(name=dataset_name(dataset))
        return await self._calls.unary(self._calls.datasets.GetDataset, request)

    async def list_datasets(
        self, limit: int | None = None, where: str = "", order_by: str = ""
    ) -> list[Dataset]:
        """Return the datasets by name, all unless limited.

        Args:
            limit: How many at most.
            where: A filter, such as `labels.team = "sea"`.
            order_by: Such as `create_time desc`; empty is the list's own order.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.datasets.ListDatasets,
            messages.ListDatasetsRequest(filter=where, order_by=order_by),
            lambda page: page.datasets,
            limit,
        )

    async def get_dataset_version(self, table: TableRef) -> DatasetVersion:
        """Return a dataset's version with its columns.

        Args:
            table: The version or its name; a dataset alone means its latest version.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetDatasetVersionRequest(name=table_name(table))
        return await self._calls.unary(self._calls.datasets.GetDatasetVersion, request)

    async def list_dataset_versions(
        self, dataset: DatasetRef, limit: int | None = None, where: str = "", order_by: str = ""
    ) -> list[DatasetVersion]:
        """Return the versions of a dataset, newest first, all unless limited.

        They come without their columns and warnings; `get_dataset_version` has those.

        Args:
            dataset: The dataset or its id.
            limit: How many at most.
            where: A filter, such as `state = ACTIVE AND row_count > 1000`.
            order_by: Such as `create_time`; empty is newest first.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.datasets.ListDatasetVersions,
            messages.ListDatasetVersionsRequest(
                parent=dataset_name(dataset), filter=where, order_by=order_by
            ),
            lambda page: page.dataset_versions,
            limit,
        )

    async def _make_dataset(self, dataset_id: str) -> None:
        """Make a dataset, or find that it is there."""
        request = messages.CreateDatasetRequest(
            dataset=Dataset(), dataset_id=dataset_id, request_id=str(uuid4())
        )
        try:
            await self._calls.unary(self._calls.datasets.CreateDataset, request)
        except ModelyardError as error:
            if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise

    async def _dataset_pieces(
        self,
        header: messages.UploadDatasetRequest.Header,
        content: Content,
        progress: Progress | None,
    ) -> AsyncIterator[messages.UploadDatasetRequest]:
        """Yield the header, then the bytes."""
        yield messages.UploadDatasetRequest(header=header)
        async for chunk in content.chunks(self._calls.transport, progress):
            yield messages.UploadDatasetRequest(chunk=chunk)


def _format(file_format: FileFormat | None) -> TableFormat.ValueType:
    return TableFormat.Value(f"TABLE_FORMAT_{(file_format or 'unspecified').upper()}")


def _types(types: Mapping[str, TypeName] | None) -> dict[str, ColumnType.ValueType]:
    return {
        name: ColumnType.Value(f"COLUMN_TYPE_{it.upper()}") for name, it in (types or {}).items()
    }
