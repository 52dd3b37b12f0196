"""DatasetService as the client's tests need it: it keeps what it is told."""

import hashlib
from collections.abc import Iterator

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from modelyard.training.v1 import datasets_pb2 as datasets
from modelyard.training.v1 import datasets_pb2_grpc
from modelyard.training.v1.datasets_pb2 import Dataset, DatasetVersion
from tests.unit.client.yard import Context, Yard, fail, find, page


class Datasets(datasets_pb2_grpc.DatasetServiceServicer):
    def __init__(self, yard: Yard) -> None:
        self.yard = yard

    def CreateDataset(self, request: datasets.CreateDatasetRequest, context: Context) -> Dataset:
        self.yard.enter("CreateDataset", request, context)
        name = f"datasets/{request.dataset_id}"
        if name in self.yard.datasets:
            fail(context, grpc.StatusCode.ALREADY_EXISTS, f"{name} is taken")
        self.yard.datasets[name] = Dataset(name=name)
        return self.yard.datasets[name]

    def GetDataset(self, request: datasets.GetDatasetRequest, context: Context) -> Dataset:
        self.yard.enter("GetDataset", request, context)
        return find(context, self.yard.datasets, request.name)

    def ListDatasets(
        self, request: datasets.ListDatasetsRequest, context: Context
    ) -> datasets.ListDatasetsResponse:
        self.yard.enter("ListDatasets", request, context)
        items, token = page([*self.yard.datasets.values()], request.page_size, request.page_token)
        return datasets.ListDatasetsResponse(datasets=items, next_page_token=token)

    def UploadDataset(
        self, request_iterator: Iterator[datasets.UploadDatasetRequest], context: Context
    ) -> DatasetVersion:
        header = next(request_iterator).header
        self.yard.enter("UploadDataset", header, context)
        data = b"".join(piece.chunk for piece in request_iterator)
        if hashlib.sha256(data).hexdigest() != header.sha256:
            fail(context, grpc.StatusCode.INVALID_ARGUMENT, "other bytes came")
        table = DatasetVersion(
            name=f"{header.parent}/versions/{len(self.yard.tables) + 1}",
            state=DatasetVersion.STATE_ACTIVE,
            format=header.format,
            sha256=header.sha256,
            size_bytes=len(data),
            row_count=data.count(b"\n") - 1,
        )
        for name in data.partition(b"\n")[0].decode().split(","):
            table.columns.add(name=name, type=datasets.COLUMN_TYPE_FLOAT, minimum=1, maximum=2)
        if self.yard.faults_of_table:
            table.state = DatasetVersion.STATE_FAILED
            table.faults.extend(self.yard.faults_of_table)
        self.yard.tables[table.name] = table
        self.yard.files[table.name] = data
        return table

    def GetDatasetVersion(
        self, request: datasets.GetDatasetVersionRequest, context: Context
    ) -> DatasetVersion:
        self.yard.enter("GetDatasetVersion", request, context)
        return find(context, self.yard.tables, request.name)

    def UpdateDataset(self, request: datasets.UpdateDatasetRequest, context: Context) -> Dataset:
        self.yard.enter("UpdateDataset", request, context)
        dataset = find(context, self.yard.datasets, request.dataset.name)
        request.update_mask.MergeMessage(request.dataset, dataset)
        return dataset

    def DeleteDataset(self, request: datasets.DeleteDatasetRequest, context: Context) -> Empty:
        self.yard.enter("DeleteDataset", request, context)
        find(context, self.yard.datasets, request.name)
        del self.yard.datasets[request.name]
        return Empty()

    def DeleteDatasetVersion(
        self, request: datasets.DeleteDatasetVersionRequest, context: Context
    ) -> Empty:
        self.yard.enter("DeleteDatasetVersion", request, context)
        find(context, self.yard.tables, request.name)
        del self.yard.tables[request.name]
        return Empty()

    def ImportDataset(
        self, request: datasets.ImportDatasetRequest, context: Context
    ) -> DatasetVersion:
        self.yard.enter("ImportDataset", request, context)
        table = DatasetVersion(
            name=f"{request.parent}/versions/{len(self.yard.tables) + 1}",
            state=DatasetVersion.STATE_ACTIVE,
        )
        self.yard.tables[table.name] = table
        return table

    def PreviewDatasetVersion(
        self, request: datasets.PreviewDatasetVersionRequest, context: Context
    ) -> datasets.PreviewDatasetVersionResponse:
        self.yard.enter("PreviewDatasetVersion", request, context)
        table = find(context, self.yard.tables, request.name)
        cells = [
            datasets.Cell(float_value=1.5),
            datasets.Cell(text_value="x"),
            datasets.Cell(boolean_value=True),
            datasets.Cell(time_value=Timestamp(seconds=86400)),
            datasets.Cell(),
        ]
        return datasets.PreviewDatasetVersionResponse(
            columns=table.columns[: len(cells)],
            rows=[datasets.PreviewRow(cells=cells[: len(table.columns)])],
        )

    def ListDatasetVersions(
        self, request: datasets.ListDatasetVersionsRequest, context: Context
    ) -> datasets.ListDatasetVersionsResponse:
        self.yard.enter("ListDatasetVersions", request, context)
        items, token = page([*self.yard.tables.values()], request.page_size, request.page_token)
        return datasets.ListDatasetVersionsResponse(dataset_versions=items, next_page_token=token)
