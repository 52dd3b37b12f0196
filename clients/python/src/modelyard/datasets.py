"""Datasets: upload a table, look at what is there."""

from collections.abc import AsyncIterator
from typing import Literal
from uuid import uuid4

import grpc

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.files import Content, Progress, Source, digested, opened
from modelyard.names import DatasetRef, TableRef, dataset_name, last_id, table_name
from modelyard.training.v1 import datasets_pb2 as messages
from modelyard.training.v1.datasets_pb2 import Dataset, DatasetVersion, TableFormat


class DatasetOperations(Operations):
    """What can be done with datasets."""

    async def upload_dataset(
        self,
        dataset: DatasetRef,
        source: Source,
        file_format: Literal["csv", "parquet"] | None = None,
        progress: Progress | None = None,
    ) -> DatasetVersion:
        """Store a table as the next version of a dataset, which is made if needed.

        Args:
            dataset: The dataset or its id.
            source: A path, the bytes, or a binary file that can seek.
            file_format: The form of the file; told from its first bytes when not given.
            progress: Is told how many bytes are sent, and of how many.

        Returns:
            The new version. Its state is ACTIVE, or FAILED with its faults.

        Raises:
            ModelyardError: A call failed.
            OSError: The file can't be read.
        """
        parent = dataset_name(dataset)
        await self._make_dataset(last_id(parent))
        header = messages.UploadDatasetRequest.Header(parent=parent)
        if file_format is not None:
            header.format = TableFormat.Value(f"TABLE_FORMAT_{file_format.upper()}")
        with opened(source) as file:
            content = await self._calls.transport.offload(digested, file)
            header.sha256 = content.sha256
            return await self._calls.upload(
                self._calls.datasets.UploadDataset,
                lambda: self._dataset_pieces(header, content, progress),
            )

    async def get_dataset(self, dataset: DatasetRef) -> Dataset:
        """Return a dataset.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetDatasetRequest(name=dataset_name(dataset))
        return await self._calls.unary(self._calls.datasets.GetDataset, request)

    async def list_datasets(self, limit: int | None = None) -> list[Dataset]:
        """Return the datasets by name, all unless limited.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.datasets.ListDatasets,
            messages.ListDatasetsRequest(),
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
        self, dataset: DatasetRef, limit: int | None = None
    ) -> list[DatasetVersion]:
        """Return the versions of a dataset, newest first, all unless limited.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.datasets.ListDatasetVersions,
            messages.ListDatasetVersionsRequest(parent=dataset_name(dataset)),
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
