"""TrainingService: messages to values, one domain call, and back."""

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty

from modelyard.training.v1 import training_pb2 as rpc
from modelyard.training.v1 import training_pb2_grpc as stubs
from registry.errors import FieldInvalid
from registry.list_filters import name_list, read_selection
from registry.messages import request_key
from registry.paging import cut_page, read_page
from registry.requests import do_once
from registry.transactions import Sessions, begin
from training import jobs, names
from training.catalog import find_trainer, list_trainers
from training.findings import finding_of
from training.followers import JobFollowers
from training.job import JobBounds
from training.job_filters import JOBS, place_of
from training.job_messages import job_spec, to_event, to_finding, to_job, to_trainer
from training.trials import list_trials


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
        wanted = read_selection(JOBS, request.filter, request.order_by)
        name = name_list("trainingJobs", request)
        page = read_page(name, request.page_size, request.page_token, wanted.place_pattern)
        async with begin(self._sessions) as session:
            found = await jobs.list_jobs(session, page, wanted)
        shown, token = cut_page(found, page, name, lambda job: place_of(job, wanted.order))
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
        return rpc.ListTrainersResponse(trainers=[to_trainer(t) for t in list_trainers()])

    async def GetTrainer(self, request: rpc.GetTrainerRequest, context: Any) -> rpc.Trainer:
        """Return a trainer."""
        return to_trainer(find_trainer(names.trainer_id_of(request.name, "name")))


async def _find_nothing(_: str) -> None:
    """Find what a deletion left, for its repeat."""
