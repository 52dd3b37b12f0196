"""Training jobs: start, follow, stop."""

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias, Unpack
from uuid import uuid4

import grpc

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.job_options import JobOptions, training_job
from modelyard.names import JobRef, ModelRef, TableRef, TrainerRef, job_name, trainer_name
from modelyard.training.v1 import training_pb2 as messages
from modelyard.training.v1.training_pb2 import (
    Finding,
    Trainer,
    TrainingJob,
    WatchTrainingJobResponse,
)

TrainingEvent: TypeAlias = WatchTrainingJobResponse

WATCH_ATTEMPTS = 10


def pause_seconds(failures: int) -> float:
    """Return how long to wait after so many failures in a row: 0.2 s doubling to 5 s, +-20 %."""
    spread = random.uniform(0.8, 1.2)  # noqa: S311  spreads load, guards nothing
    return min(0.1 * 2.0**failures, 5.0) * spread


class JobOperations(Operations):
    """What can be done with training jobs."""

    async def train(
        self,
        model: ModelRef,
        dataset: TableRef,
        target: str | Sequence[str],
        **options: Unpack[JobOptions],
    ) -> TrainingJob:
        """Start a training job.

        Args:
            model: The model that gets the version; made if it does not exist.
            dataset: The table; a dataset alone means its latest version.
            target: The column to predict, or several.
            options: See `modelyard.JobOptions`.

        Returns:
            The job, which waits for a worker.

        Raises:
            ModelyardError: The call failed.
        """
        return await self.create_training_job(training_job(model, dataset, target, **options))

    async def create_training_job(self, job: TrainingJob, job_id: str = "") -> TrainingJob:
        """Start a training job.

        Args:
            job: The job; `modelyard.training_job` makes one.
            job_id: Its id, formed like a model's; chosen by the server when empty.

        Raises:
            ModelyardError: The call failed.
        """
        request = messages.CreateTrainingJobRequest(
            training_job=job, training_job_id=job_id, request_id=str(uuid4())
        )
        return await self._calls.unary(self._calls.training.CreateTrainingJob, request)

    async def validate_training_job(self, job: TrainingJob) -> list[Finding]:
        """Return what a job would be refused for or fail of, and what else is to know of it.

        Args:
            job: The job; `modelyard.training_job` makes one.

        Raises:
            ModelyardError: The call failed.
        """
        request = messages.ValidateTrainingJobRequest(training_job=job)
        answer = await self._calls.unary(self._calls.training.ValidateTrainingJob, request)
        return list(answer.findings)

    async def watch_training_job(
        self, job: JobRef, after_sequence: int = 0
    ) -> AsyncGenerator[TrainingEvent, None]:
        """Yield the events of a job until it ends.

        A stream that breaks because the server goes away is taken up again behind the
        last event, so that none is lost and none comes twice.

        Args:
            job: The job, its id or name.
            after_sequence: Only events with a larger sequence number are yielded.

        Raises:
            ModelyardError: The call failed, or broke too often without an event.
        """
        failures = 0
        while True:
            request = messages.WatchTrainingJobRequest(
                name=job_name(job), after_sequence=after_sequence
            )
            stream = self._calls.stream(self._calls.training.WatchTrainingJob, request)
            try:
                async with aclosing(stream) as events:
                    async for event in events:
                        failures, after_sequence = 0, event.sequence
                        yield event
            except ModelyardError as error:
                failures += 1
                if error.code is not grpc.StatusCode.UNAVAILABLE or failures == WATCH_ATTEMPTS:
                    raise
            else:
                return
            await self._calls.transport.sleep(pause_seconds(failures))

    async def wait_for_training_job(
        self, job: JobRef, on_event: Callable[[TrainingEvent], None] | None = None
    ) -> TrainingJob:
        """Follow a job until it ends and return it.

        Args:
            job: The job, its id or name.
            on_event: Is told every event.

        Returns:
            The job; its state is SUCCEEDED, FAILED with its fault, or CANCELLED.

        Raises:
            ModelyardError: A call failed, or broke too often.
        """
        async with aclosing(self.watch_training_job(job)) as events:
            async for event in events:
                if on_event is not None:
                    on_event(event)
        return await self.get_training_job(job)

    async def cancel_training_job(self, job: JobRef) -> TrainingJob:
        """Ask a job to stop.

        Raises:
            ModelyardError: The job has ended, or the call failed.
        """
        request = messages.CancelTrainingJobRequest(name=job_name(job))
        return await self._calls.unary(self._calls.training.CancelTrainingJob, request)

    async def delete_training_job(self, job: JobRef, etag: str = "") -> None:
        """Remove a job that has ended, with its events; the version that it made stays.

        Args:
            job: The job, its id or name.
            etag: The etag of the job as it was seen; with it nothing else is removed.

        Raises:
            ModelyardError: The job has not ended, is not the one seen, or the call failed.
        """
        request = messages.DeleteTrainingJobRequest(
            name=job_name(job), etag=etag, request_id=str(uuid4())
        )
        await self._calls.unary(self._calls.training.DeleteTrainingJob, request)

    async def get_training_job(self, job: JobRef) -> TrainingJob:
        """Return a job.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetTrainingJobRequest(name=job_name(job))
        return await self._calls.unary(self._calls.training.GetTrainingJob, request)

    async def list_training_jobs(
        self, limit: int | None = None, where: str = "", order_by: str = ""
    ) -> list[TrainingJob]:
        """Return the jobs, all unless limited.

        Args:
            limit: How many at most.
            where: Restrictions, such as `state = FAILED AND queue = "nightly"`.
            order_by: `create_time` or `priority`, with ` desc` or not; newest first when empty.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.training.ListTrainingJobs,
            messages.ListTrainingJobsRequest(filter=where, order_by=order_by),
            lambda page: page.training_jobs,
            limit,
        )

    async def list_trainers(self) -> list[Trainer]:
        """Return what can be trained, the default of each task first.

        Raises:
            ModelyardError: The call failed.
        """
        request = messages.ListTrainersRequest()
        return list((await self._calls.unary(self._calls.training.ListTrainers, request)).trainers)

    async def get_trainer(self, trainer: TrainerRef) -> Trainer:
        """Return a trainer with the JSON Schema of its settings, installed or not.

        Args:
            trainer: The trainer.

        Raises:
            ModelyardError: The call failed.
        """
        request = messages.GetTrainerRequest(name=trainer_name(trainer))
        return await self._calls.unary(self._calls.training.GetTrainer, request)
