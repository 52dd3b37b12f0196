"""Training jobs as callers see them: asked for, looked at, called off."""

import secrets

from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from registry.changes import announce
from registry.errors import EtagMismatch
from registry.list_filters import Selection
from registry.models import ensure_model, get_model_row
from registry.names import check_id
from registry.paging import Page
from registry.reports import Metric
from training.datasets import get_version_row
from training.errors import (
    DatasetNotFound,
    DatasetVersionNotFound,
    TrainingJobAlreadyExists,
    TrainingJobNotFound,
    TrainingJobStateInvalid,
)
from training.findings import Finding
from training.fitting import Level
from training.job import Job, JobBounds, JobEvent, JobSpec
from training.job_checks import check_spec, fill_bounds, find_faults
from training.job_rows import etag_of, event_of_row, job_of_row, new_job_row
from training.queue import Entry, enqueue
from training.search.spec import Trial
from training.states import TRANSITIONS, JobState
from training.tables import DatasetVersionRow, JobEventRow, JobRow
from training.trials import delete_trials

JOBS_CHANGED = "modelyard_jobs"
"""The channel on which every change of a job is announced, with its id."""

MAX_EVENTS = 10_000
_DEFAULT_BOUNDS = JobBounds()


async def create_job(
    session: AsyncSession, job_id: str, spec: JobSpec, bounds: JobBounds = _DEFAULT_BOUNDS
) -> Job:
    """Make a job and put it into the queue, in one transaction.

    Args:
        session: The transaction.
        job_id: An id of the caller's choice, or empty.
        spec: What is wanted.
        bounds: What it may ask for at most, and gets where it asks for nothing.

    Raises:
        FieldInvalid: Something is not legal; nothing was begun.
        DatasetNotFound, DatasetVersionNotFound: There is no such table.
        TrainingJobAlreadyExists: The id is taken.
    """
    job_id = check_id(job_id, "training_job_id") if job_id else f"job-{secrets.token_hex(6)}"
    table = await get_version_row(session, spec.dataset_id, spec.dataset_reference)
    check_spec(spec, table, bounds)
    # Two callers may choose the same id at once: the second one waits, then finds it taken.
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(job_id, 0))))
    if await find_row(session, job_id):
        raise TrainingJobAlreadyExists(
            f"the training job {job_id!r} exists already",
            field="training_job_id",
            details={"training_job": job_id},
        )
    await ensure_model(session, spec.model_id)
    model = await get_model_row(session, spec.model_id)
    row = new_job_row(job_id, fill_bounds(spec, bounds), table, model.id)
    session.add(row)
    await session.flush()
    await add_event(session, row, "the job waits for a worker")
    await enqueue(session, entry_of(row))
    return await get_job(session, job_id)


async def validate_job(
    session: AsyncSession, spec: JobSpec, bounds: JobBounds = _DEFAULT_BOUNDS
) -> list[Finding]:
    """Say everything that a job would be refused for or fail of, and what else is to know."""
    try:
        table = await get_version_row(session, spec.dataset_id, spec.dataset_reference)
    except (DatasetNotFound, DatasetVersionNotFound) as error:
        reason = "DATASET_NOT_FOUND"
        missing = Finding("training_job.dataset_version", reason, error.message)
        return [missing, *find_faults(spec, None, bounds)]
    return find_faults(spec, table, bounds)


async def get_job(session: AsyncSession, job_id: str) -> Job:
    """Return a job.

    Raises:
        TrainingJobNotFound: There is none.
    """
    return job_of_row(await get_job_row(session, job_id))


async def list_jobs(session: AsyncSession, page: Page, selection: Selection) -> list[Job]:
    """Return one page of jobs, and one more if there is a next page.

    Args:
        session: The transaction.
        page: Which part; behind the place of the last job seen.
        selection: Which jobs, in which order.
    """
    query = selection.apply(_query(), page.after).limit(page.size + 1)
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


async def delete_job(session: AsyncSession, job_id: str, etag: str = "") -> None:
    """Remove a job that has ended, with its events; its version stays.

    Raises:
        TrainingJobNotFound: There is none.
        TrainingJobStateInvalid: It has not ended.
        EtagMismatch: It is no longer what the caller saw.
    """
    row = await get_job_row(session, job_id, for_update=True)
    details = {"training_job": job_id, "state": row.state}
    if etag and etag != etag_of(row):
        raise EtagMismatch(
            f"the training job {job_id!r} was changed since you read it; read it again, then"
            " decide",
            field="etag",
            details=details,
        )
    if not JobState(row.state).final:
        raise TrainingJobStateInvalid(
            f"the training job {job_id!r} is {row.state}; cancel it before it is deleted",
            details=details,
        )
    await delete_trials(session, row)
    await session.execute(delete(JobEventRow).where(JobEventRow.job_row == row.id))
    await session.delete(row)
    await announce(session, JOBS_CHANGED, job_id)


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
    return [event_of_row(row) for row in await session.scalars(query)]


def change_state(row: JobRow, state: JobState) -> None:
    """Move a job to another state, along the table of what may follow what."""
    assert state in TRANSITIONS[JobState(row.state)], (row.state, state)
    row.state = state
    row.revision += 1


async def end_row(session: AsyncSession, row: JobRow, state: JobState, message: str) -> None:
    """Move a job to a final state and tell those who follow it."""
    level = Level.ERROR if state == JobState.FAILED else Level.INFO
    change_state(row, state)
    row.lease_end = None
    row.end_time = await session.scalar(select(func.now()))
    await add_event(session, row, message, level)


async def add_event(
    session: AsyncSession,
    row: JobRow,
    message: str,
    level: Level = Level.INFO,
    metrics: tuple[Metric, ...] = (),
    trial: Trial | None = None,
) -> None:
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
            level=level,
            metrics=metrics,
            trial=trial,
        )
        session.add(event)
    await session.flush()
    await announce(session, JOBS_CHANGED, row.job_id)


def entry_of(row: JobRow, delay_seconds: float = 0.0) -> Entry:
    """Make a job's queue entry."""
    return Entry(row.job_id, row.queue, row.priority, delay_seconds)


async def get_job_row(session: AsyncSession, job_id: str, *, for_update: bool = False) -> JobRow:
    """Return a job's row, locked until the transaction ends if that is asked for.

    Raises:
        TrainingJobNotFound: There is none.
    """
    row = await find_row(session, job_id, for_update=for_update)
    if row is None:
        raise TrainingJobNotFound(
            f"there is no training job {job_id!r}", details={"training_job": job_id}
        )
    return row


async def find_row(
    session: AsyncSession, job_id: str, *, for_update: bool = False
) -> JobRow | None:
    """Return a job's row, or None; see `get_job_row`."""
    query = _query().where(JobRow.job_id == job_id)
    if for_update:
        query = query.with_for_update(of=JobRow)
    return await session.scalar(query.execution_options(populate_existing=True))


def _query() -> Select[JobRow]:
    return select(JobRow).options(
        joinedload(JobRow.model),
        joinedload(JobRow.dataset_version).joinedload(DatasetVersionRow.dataset),
    )
