"""Training jobs: start, follow, stop."""

import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import grpc

from modelyard.calls import Operations
from modelyard.error import ModelyardError
from modelyard.names import (
    JobRef,
    ModelRef,
    TableRef,
    TrainerRef,
    job_name,
    model_name,
    table_name,
    trainer_name,
)
from modelyard.registry.v1.resources_pb2 import Task
from modelyard.training.v1 import training_pb2 as messages
from modelyard.training.v1.training_pb2 import (
    Calibration,
    Evaluation,
    Feature,
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

    async def train(  # noqa: PLR0913  a job has that many settings; most are by keyword
        self,
        model: ModelRef,
        dataset: TableRef,
        target: str | Sequence[str],
        *,
        task: Literal["classification", "regression", "multilabel_classification"] | None = None,
        trainer: str = "",
        settings: Mapping[str, Any] | None = None,
        features: Sequence[str | Feature] = (),
        holdout_fraction: float = 0.0,
        evaluation: Evaluation | None = None,
        seed: int = 0,
        labels: Mapping[str, str] | None = None,
        weight_column: str = "",
        class_weights: Mapping[str, float] | None = None,
        calibration: Literal["sigmoid", "isotonic"] | None = None,
        parity_tolerance: float = 0.0,
    ) -> TrainingJob:
        """Start a training job.

        Args:
            model: The model that gets the version; made if it does not exist.
            dataset: The table; a dataset alone means its latest version.
            target: The column to predict, or several.
            task: What to do; told from the target when not given.
            trainer: The trainer's id; chosen for the task when empty.
            settings: The trainer's settings.
            features: The columns to learn from; all but the target when empty.
            holdout_fraction: The part of the rows kept for evaluation; 0 is 0.2.
            evaluation: How rows are divided, and in how many folds the version is evaluated.
            seed: Seeds everything random.
            labels: Free words to find the job by.
            weight_column: The column that says how much each row counts.
            class_weights: How much the rows of each class count in training, by its name.
            calibration: How probabilities are calibrated; not at all when not given.
            parity_tolerance: How far the ONNX graph may be from the pipeline; 0 is 1e-5.

        Returns:
            The job, which waits for a worker.

        Raises:
            ModelyardError: The call failed.
        """
        job = TrainingJob(
            model=model_name(model),
            dataset_version=table_name(dataset),
            target=target if isinstance(target, str) else "",
            targets=() if isinstance(target, str) else target,
            task=Task.Value(f"TASK_{task.upper()}") if task else Task.TASK_UNSPECIFIED,
            trainer=trainer,
            features=[Feature(column=it) if isinstance(it, str) else it for it in features],
            holdout_fraction=holdout_fraction,
            evaluation=evaluation,
            seed=seed,
            labels=labels,
            weight_column=weight_column,
            class_weights=class_weights,
            calibration=Calibration.Value(f"CALIBRATION_{(calibration or 'unspecified').upper()}"),
            parity_tolerance=parity_tolerance,
        )
        if settings:
            job.settings.update(dict(settings))
        request = messages.CreateTrainingJobRequest(training_job=job, request_id=str(uuid4()))
        return await self._calls.unary(self._calls.training.CreateTrainingJob, request)

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

    async def get_training_job(self, job: JobRef) -> TrainingJob:
        """Return a job.

        Raises:
            ModelyardError: There is none, or the call failed.
        """
        request = messages.GetTrainingJobRequest(name=job_name(job))
        return await self._calls.unary(self._calls.training.GetTrainingJob, request)

    async def list_training_jobs(self, limit: int | None = None) -> list[TrainingJob]:
        """Return the jobs, newest first, all unless limited.

        Raises:
            ModelyardError: A call failed.
        """
        return await self._calls.pages(
            self._calls.training.ListTrainingJobs,
            messages.ListTrainingJobsRequest(),
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
