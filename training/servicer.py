"""TrainingService and DatasetService: messages to values, one domain call, and back."""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty

from modelyard.training.v1 import datasets_pb2 as tables_rpc
from modelyard.training.v1 import datasets_pb2_grpc as tables_stubs
from modelyard.training.v1 import training_pb2 as rpc
from modelyard.training.v1 import training_pb2_grpc as stubs
from registry.errors import FieldInvalid
from registry.messages import request_key
from registry.names import NUMBER_PATTERN
from registry.paging import cut_page, read_page
from registry.requests import do_once
from registry.transactions import Sessions, begin
from registry.uploads import split_upload
from training import datasets, jobs, names
from training.catalog import TRAINERS
from training.findings import finding_of
from training.followers import JobFollowers
from training.job import JobBounds
from training.job_filters import PLACE_PATTERN, read_selection
from training.job_messages import job_spec, to_event, to_finding, to_job, to_trainer
from training.messages import dataset_draft, format_of, to_dataset, to_dataset_version
from training.table_uploads import TableUploads
from training.trials import list_trials


class DatasetServicer(tables_stubs.DatasetServiceServicer):
    """Answers DatasetService.

    Args:
        sessions: Opens transactions.
        uploads: Takes tables.
    """

    def __init__(self, sessions: Sessions, uploads: TableUploads) -> None:
        self._sessions = sessions
        self._uploads = uploads

    async def CreateDataset(
        self, request: tables_rpc.CreateDatasetRequest, context: Any
    ) -> tables_rpc.Dataset:
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

    async def GetDataset(
        self, request: tables_rpc.GetDatasetRequest, context: Any
    ) -> tables_rpc.Dataset:
        """Return a dataset."""
        dataset_id = names.dataset_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_dataset(await datasets.get_dataset(session, dataset_id))

    async def ListDatasets(
        self, request: tables_rpc.ListDatasetsRequest, context: Any
    ) -> tables_rpc.ListDatasetsResponse:
        """List datasets by name."""
        page = read_page("datasets", request.page_size, request.page_token)
        async with begin(self._sessions) as session:
            found = await datasets.list_datasets(session, page)
        shown, token = cut_page(found, page, "datasets", lambda dataset: dataset.dataset_id)
        return tables_rpc.ListDatasetsResponse(
            datasets=[to_dataset(dataset) for dataset in shown], next_page_token=token
        )

    async def UploadDataset(
        self, requests: AsyncIterator[tables_rpc.UploadDatasetRequest], context: Any
    ) -> tables_rpc.DatasetVersion:
        """Store a table, with its schema and profile."""
        header, chunks = await split_upload(requests)
        dataset_id = names.dataset_id_of(header.parent, "header.parent")
        table_format = format_of(header.format)
        version = await self._uploads.receive(dataset_id, table_format, header.sha256, chunks)
        return to_dataset_version(version)

    async def GetDatasetVersion(
        self, request: tables_rpc.GetDatasetVersionRequest, context: Any
    ) -> tables_rpc.DatasetVersion:
        """Return a table's description."""
        dataset_id, reference = names.dataset_version_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_dataset_version(await datasets.get_version(session, dataset_id, reference))

    async def ListDatasetVersions(
        self, request: tables_rpc.ListDatasetVersionsRequest, context: Any
    ) -> tables_rpc.ListDatasetVersionsResponse:
        """List the tables of a dataset, newest first."""
        dataset_id = names.dataset_id_of(request.parent, "parent")
        list_name = f"{request.parent}/versions"
        page = read_page(list_name, request.page_size, request.page_token, NUMBER_PATTERN)
        async with begin(self._sessions) as session:
            found = await datasets.list_versions(session, dataset_id, page)
        shown, token = cut_page(found, page, list_name, lambda version: str(version.number))
        return tables_rpc.ListDatasetVersionsResponse(
            dataset_versions=[to_dataset_version(version) for version in shown],
            next_page_token=token,
        )


class TrainingServicer(stubs.TrainingServiceServicer):
    """Answers TrainingService.

    Args:
        sessions: Opens transactions.
        followers: Wakes those who follow a job.
        bounds: What a job may ask for at most.
    """

    def __init__(self, sessions: Sessions, followers: JobFollowers, bounds: JobBounds) -> None:
        self._sessions = sessions
        self._followers = followers
        self._bounds = bounds

    async def CreateTrainingJob(
        self, request: rpc.CreateTrainingJobRequest, context: Any
    ) -> rpc.TrainingJob:
        """Make a job and put it into the queue."""
        spec = job_spec(request.training_job)
        async with begin(self._sessions, validate_only=request.validate_only) as session:
            job = await do_once(
                session,
                request_key("CreateTrainingJob", request),
                lambda: jobs.create_job(session, request.training_job_id, spec, self._bounds),
                lambda job: job.job_id,
                lambda job_id: jobs.get_job(session, job_id),
            )
        return to_job(job)

    async def GetTrainingJob(
        self, request: rpc.GetTrainingJobRequest, context: Any
    ) -> rpc.TrainingJob:
        """Return a job."""
        job_id = names.job_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            job = await jobs.get_job(session, job_id)
            return to_job(job, await list_trials(session, job))

    async def ListTrainingJobs(
        self, request: rpc.ListTrainingJobsRequest, context: Any
    ) -> rpc.ListTrainingJobsResponse:
        """List jobs."""
        selection = read_selection(request.filter, request.order_by)
        # A token belongs to one list: it is refused with another filter or order.
        list_name = f"trainingJobs?{request.filter}&{request.order_by}"
        page = read_page(list_name, request.page_size, request.page_token, PLACE_PATTERN)
        async with begin(self._sessions) as session:
            found = await jobs.list_jobs(session, page, selection)
        shown, token = cut_page(found, page, list_name, lambda job: job.place)
        return rpc.ListTrainingJobsResponse(
            training_jobs=[to_job(job) for job in shown], next_page_token=token
        )

    async def ValidateTrainingJob(
        self, request: rpc.ValidateTrainingJobRequest, context: Any
    ) -> rpc.ValidateTrainingJobResponse:
        """Say what would fail, before any training."""
        try:
            spec = job_spec(request.training_job)
        except FieldInvalid as error:
            # What can't be read can't be checked any further.
            return rpc.ValidateTrainingJobResponse(
                findings=[to_finding(finding_of(error, "training_job"))]
            )
        async with begin(self._sessions) as session:
            findings = await jobs.validate_job(session, spec, self._bounds)
        return rpc.ValidateTrainingJobResponse(findings=[to_finding(it) for it in findings])

    async def CancelTrainingJob(
        self, request: rpc.CancelTrainingJobRequest, context: Any
    ) -> rpc.TrainingJob:
        """Ask a job to stop."""
        job_id = names.job_id_of(request.name, "name")
        async with begin(self._sessions) as session:
            return to_job(await jobs.cancel_job(session, job_id))

    async def DeleteTrainingJob(self, request: rpc.DeleteTrainingJobRequest, context: Any) -> Empty:
        """Remove a job that has ended."""
        job_id = names.job_id_of(request.name, "name")

        async def delete() -> None:
            await jobs.delete_job(session, job_id, request.etag)

        async with begin(self._sessions, validate_only=request.validate_only) as session:
            await do_once(
                session,
                request_key("DeleteTrainingJob", request),
                delete,
                lambda _: job_id,
                _find_nothing,
            )
        return Empty()

    async def WatchTrainingJob(
        self, request: rpc.WatchTrainingJobRequest, context: Any
    ) -> AsyncIterator[rpc.WatchTrainingJobResponse]:
        """Follow a job until it ends."""
        job_id = names.job_id_of(request.name, "name")
        if request.after_sequence < 0:
            raise FieldInvalid("after_sequence must not be negative", field="after_sequence")
        async for event in self._followers.follow(job_id, request.after_sequence):
            yield to_event(event)

    async def ListTrainers(
        self, request: rpc.ListTrainersRequest, context: Any
    ) -> rpc.ListTrainersResponse:
        """List what can be trained."""
        return rpc.ListTrainersResponse(trainers=[to_trainer(t) for t in TRAINERS.values()])


async def _find_nothing(_: str) -> None:
    """Find what a deletion left, for its repeat."""
