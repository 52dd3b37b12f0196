"""Training jobs as callers see them: asked for, looked at, called off."""

import secrets

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from registry.changes import announce
from registry.models import check_texts, ensure_model, get_model_row
from registry.names import check_id
from registry.paging import Page
from registry.signature import Task
from training.datasets import get_version_row
from training.errors import (
    TrainingJobAlreadyExists,
    TrainingJobNotFound,
    TrainingJobStateInvalid,
)
from training.evaluation.scheme import DEFAULT
from training.feature_steps import FeaturePlan
from training.job import Job, JobEvent, JobSpec
from training.job_checks import check_spec
from training.learning import MOST_TOLERANCE
from training.queue import enqueue
from training.states import TRANSITIONS, JobState
from training.tables import DatasetVersionRow, JobEventRow, JobRow

JOBS_CHANGED = "modelyard_jobs"
"""The channel on which every change of a job is announced, with its id."""

MAX_EVENTS = 10_000


async def create_job(
    session: AsyncSession, job_id: str, spec: JobSpec, most_tolerance: float = MOST_TOLERANCE
) -> Job:
    """Make a job and put it into the queue, in one transaction.

    Args:
        session: The transaction.
        job_id: An id of the caller's choice, or empty.
        spec: What is wanted.
        most_tolerance: How far a graph may be from its pipeline, whatever a job asks for.

    Raises:
        FieldInvalid: Something is not legal; nothing was begun.
        DatasetNotFound, DatasetVersionNotFound: There is no such table.
        TrainingJobAlreadyExists: The id is taken.
    """
    job_id = check_id(job_id, "training_job_id") if job_id else f"job-{secrets.token_hex(6)}"
    check_texts("", "", spec.labels, "training_job")
    table = await get_version_row(session, spec.dataset_id, spec.dataset_reference)
    check_spec(spec, table, most_tolerance)
    # Two callers may choose the same id at once: the second one waits, then finds it taken.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(job_id, 0))))
    if await _find_row(session, job_id):
        raise TrainingJobAlreadyExists(
            f"the training job {job_id!r} exists already",
            field="training_job_id",
            details={"training_job": job_id},
        )
    await ensure_model(session, spec.model_id)
    row = _new_row(job_id, spec, table, (await get_model_row(session, spec.model_id)).id)
    session.add(row)
    await session.flush()
    await add_event(session, row, "the job waits for a worker")
    await enqueue(session, job_id)
    return await get_job(session, job_id)


async def get_job(session: AsyncSession, job_id: str) -> Job:
    """Return a job.

    Raises:
        TrainingJobNotFound: There is none.
    """
    return job_of_row(await get_job_row(session, job_id))


async def list_jobs(session: AsyncSession, page: Page) -> list[Job]:
    """Return one page of jobs, newest first, and one more if there is a next page."""
    query = _query().order_by(JobRow.id.desc()).limit(page.size + 1)
    if page.after is not None:
        last = await _find_row(session, page.after)
        query = query.where(JobRow.id < last.id) if last else query
    return [job_of_row(row) for row in await session.scalars(query)]


async def cancel_job(session: AsyncSession, job_id: str) -> Job:
    """Ask a job to stop. One that waits is stopped at once; asking again changes nothing.

    Raises:
        TrainingJobNotFound: There is none.
        TrainingJobStateInvalid: It has ended otherwise.
    """
    row = await get_job_row(session, job_id, for_update=True)
    if row.state == JobState.QUEUED:
        await end_row(session, row, JobState.CANCELLED, "the job was cancelled before it began")
    elif row.state == JobState.RUNNING:
        change_state(row, JobState.CANCELLING)
        await add_event(session, row, "the job was asked to stop")
    elif row.state not in (JobState.CANCELLING, JobState.CANCELLED):
        raise TrainingJobStateInvalid(
            f"the training job {job_id!r} is {row.state}; only an open job can be cancelled",
            details={"training_job": job_id, "state": row.state},
        )
    return await get_job(session, job_id)


async def list_events(
    session: AsyncSession, job_id: str, after_sequence: int, most: int
) -> list[JobEvent]:
    """Return the next events of a job, oldest first."""
    query = (
        select(JobEventRow)
        .join(JobRow, JobRow.id == JobEventRow.job_row)
        .where(JobRow.job_id == job_id, JobEventRow.sequence > after_sequence)
        .order_by(JobEventRow.sequence)
        .limit(most)
    )
    return [_event(row) for row in await session.scalars(query)]


def change_state(row: JobRow, state: JobState) -> None:
    """Move a job to another state, along the table of what may follow what."""
    assert state in TRANSITIONS[JobState(row.state)], (row.state, state)
    row.state = state
    row.revision += 1


async def end_row(session: AsyncSession, row: JobRow, state: JobState, message: str) -> None:
    """Move a job to a final state and tell those who follow it."""
    change_state(row, state)
    row.lease_end = None
    row.end_time = await session.scalar(select(func.now()))
    await add_event(session, row, message)


async def add_event(session: AsyncSession, row: JobRow, message: str) -> None:
    """Record what happened to a locked job, and announce it.

    A job keeps a bounded number of events: past that only its end is recorded.
    """
    if row.last_sequence < MAX_EVENTS or JobState(row.state).final:
        row.last_sequence += 1
        event = JobEventRow(
            job_row=row.id,
            sequence=row.last_sequence,
            state=row.state,
            stage=row.stage,
            progress_percent=row.progress_percent,
            message=message[:1000].replace("\0", ""),
            attempt=row.attempt,
        )
        session.add(event)
    await session.flush()
    await announce(session, JOBS_CHANGED, row.job_id)


async def get_job_row(session: AsyncSession, job_id: str, *, for_update: bool = False) -> JobRow:
    """Return a job's row, locked until the transaction ends if that is asked for.

    Raises:
        TrainingJobNotFound: There is none.
    """
    row = await _find_row(session, job_id, for_update=for_update)
    if row is None:
        raise TrainingJobNotFound(
            f"there is no training job {job_id!r}", details={"training_job": job_id}
        )
    return row


async def _find_row(
    session: AsyncSession, job_id: str, *, for_update: bool = False
) -> JobRow | None:
    query = _query().where(JobRow.job_id == job_id)
    if for_update:
        query = query.with_for_update(of=JobRow)
    return await session.scalar(query.execution_options(populate_existing=True))


def _query() -> Select[JobRow]:
    return select(JobRow).options(
        joinedload(JobRow.model),
        joinedload(JobRow.dataset_version).joinedload(DatasetVersionRow.dataset),
    )


def _new_row(job_id: str, spec: JobSpec, table: DatasetVersionRow, model_row: int) -> JobRow:
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
        etag=f'"{row.id}-{row.revision}"',
        spec=_spec(row),
        state=JobState(row.state),
        stage=row.stage,
        progress_percent=row.progress_percent,
        attempt=row.attempt,
        version_number=row.version_number,
        fault=row.fault,
        metrics=row.metrics,
        create_time=row.create_time,
        start_time=row.start_time,
        end_time=row.end_time,
        update_time=row.update_time,
    )


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
    )


def _event(row: JobEventRow) -> JobEvent:
    return JobEvent(
        sequence=row.sequence,
        event_time=row.event_time,
        state=JobState(row.state),
        stage=row.stage,
        progress_percent=row.progress_percent,
        message=row.message,
        attempt=row.attempt,
    )
