"""Rows of jobs and their events to values, and a wanted job to its row."""

from registry.signature import Task
from training.evaluation.scheme import DEFAULT
from training.feature_steps import FeaturePlan
from training.fitting import Level
from training.job import Job, JobEvent, JobSpec
from training.states import JobState
from training.tables import DatasetVersionRow, JobEventRow, JobRow


def new_job_row(job_id: str, spec: JobSpec, table: DatasetVersionRow, model_row: int) -> JobRow:
    """Make the row of a job that waits."""
    return JobRow(
        job_id=job_id,
        state=JobState.QUEUED,
        model_row=model_row,
        dataset_version_row=table.id,
        target=spec.target,
        task=spec.task,
        trainer=spec.trainer,
        settings=dict(spec.settings),
        features=FeaturePlan(spec.features, spec.feature_selection),
        holdout_fraction=spec.holdout_fraction,
        seed=spec.seed,
        evaluation=spec.evaluation,
        labels=dict(spec.labels),
        learning=spec.learning,
        queue=spec.queue,
        priority=spec.priority,
        memory_mb=spec.memory_mb,
        seconds=spec.seconds,
        max_attempts=spec.max_attempts,
        on_success=spec.on_success,
        search=spec.search,
        metrics=(),
        # Values of the database's making are needed before the row is read back.
        stage="",
        progress_percent=0,
        attempt=0,
        releases=0,
        last_sequence=0,
        revision=1,
    )


def job_of_row(row: JobRow) -> Job:
    """Turn a row, read with all it refers to, into a value."""
    return Job(
        job_id=row.job_id,
        uid=str(row.uid),
        etag=etag_of(row),
        place=f"{row.priority}/{row.id}",
        spec=_spec(row),
        state=JobState(row.state),
        stage=row.stage,
        progress_percent=row.progress_percent,
        attempt=row.attempt,
        version_number=row.version_number,
        fault=row.fault,
        metrics=row.metrics,
        promotion=row.promotion,
        create_time=row.create_time,
        start_time=row.start_time,
        end_time=row.end_time,
        update_time=row.update_time,
    )


def etag_of(row: JobRow) -> str:
    """Return what changes with every change of a job."""
    return f'"{row.id}-{row.revision}"'


def _spec(row: JobRow) -> JobSpec:
    return JobSpec(
        model_id=row.model.model_id,
        dataset_id=row.dataset_version.dataset.dataset_id,
        dataset_reference=str(row.dataset_version.number),
        target=row.target,
        task=Task(row.task) if row.task else None,
        trainer=row.trainer,
        settings=row.settings,
        features=row.features.columns,
        feature_selection=row.features.selection,
        holdout_fraction=row.holdout_fraction,
        seed=row.seed,
        evaluation=row.evaluation or DEFAULT,
        labels=row.labels,
        learning=row.learning,
        queue=row.queue,
        priority=row.priority,
        memory_mb=row.memory_mb,
        seconds=row.seconds,
        max_attempts=row.max_attempts,
        on_success=row.on_success,
        search=row.search,
    )


def event_of_row(row: JobEventRow) -> JobEvent:
    """Turn a row into a value."""
    return JobEvent(
        sequence=row.sequence,
        event_time=row.event_time,
        state=JobState(row.state),
        stage=row.stage,
        progress_percent=row.progress_percent,
        message=row.message,
        attempt=row.attempt,
        level=Level(row.level),
        metrics=row.metrics,
        trial=row.trial,
    )
