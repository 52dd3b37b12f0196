"""Claims: which worker has a job. All the hard SQL of training is here.

A claim is an attempt number and a lease. The number fences: whatever a worker writes, it
writes only while the row still has its number and the job is still open, so that a worker
that was suspended and comes back changes nothing. The lease tells that the worker is
alive: it is renewed while the work goes on, by the database's clock, and a job whose lease
has run out may be claimed again.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import column, exists, func, or_, select, table, text
from sqlalchemy.ext.asyncio import AsyncSession

from registry.reports import Fault
from training.fitting import FitProgress, Level
from training.job import Job
from training.job_rows import job_of_row
from training.jobs import add_event, change_state, end_row, entry_of, find_row, get_job_row
from training.queue import SCHEMA, Entry, enqueue
from training.states import JobState
from training.tables import JobRow
from training.trials import keep_trial

# The queue library's table of entries, as far as it is read here.
_ENTRIES = table("procrastinate_jobs", column("queueing_lock"), column("status"), schema=SCHEMA)


class ClaimLost(Exception):
    """The job is no longer this worker's: it ended, or another worker has it."""


@dataclass(frozen=True, slots=True)
class ClaimTimes:
    """How claims live and die.

    Attributes:
        lease: How long a worker is believed to be alive without a sign.
        most_attempts: How many attempts of a job may end by no fault of its own, such as
            the death of their worker, before it fails.
        retry_seconds: How long a job waits after the first such attempt; twice as long after
            each further one, up to a minute.
    """

    lease: timedelta = timedelta(seconds=10)
    most_attempts: int = 5
    retry_seconds: float = 1.0


_LONGEST_PAUSE_SECONDS = 60.0


async def claim_job(session: AsyncSession, job_id: str, times: ClaimTimes) -> Job | None:
    """Take a job, if it is to be had.

    Returns:
        The job with the attempt number that is now ours, or None: it ended or was deleted,
        it was cancelled while it waited, another worker has it, or it was begun too often
        and has failed for that.
    """
    row = await find_row(session, job_id, for_update=True)
    if row is None or JobState(row.state).final or await _is_leased(session, row):
        return None
    if row.state == JobState.CANCELLING:
        await end_row(session, row, JobState.CANCELLED, "the job was cancelled")
        return None
    if _attempts_left(row, times) <= 0:
        await _give_up(session, row)
        return None
    if row.state == JobState.QUEUED:
        change_state(row, JobState.RUNNING)
    row.attempt += 1
    row.stage, row.progress_percent = "start", 0
    row.start_time = await session.scalar(select(func.now()))
    await _renew(session, row, times)
    await add_event(session, row, f"attempt {row.attempt} begins")
    return job_of_row(await get_job_row(session, job_id))


async def keep_claim(session: AsyncSession, job: Job, times: ClaimTimes) -> bool:
    """Renew the lease.

    Returns:
        Whether the job should go on; False if it was asked to stop.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    row = await _claimed_row(session, job)
    await _renew(session, row, times)
    return row.state == JobState.RUNNING


async def record_progress(session: AsyncSession, job: Job, progress: FitProgress) -> None:
    """Record how far a job is.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    row = await _claimed_row(session, job)
    row.stage = progress.stage[:63]
    row.progress_percent = max(row.progress_percent, min(progress.percent, 100))
    if progress.trial:
        await keep_trial(session, row, progress.trial)
    await add_event(
        session, row, progress.message, progress.level, progress.metrics, progress.trial
    )


async def record_line(session: AsyncSession, job: Job, line: str) -> None:
    """Keep a line that a library wrote while a job was fitted.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    await add_event(session, await _claimed_row(session, job), line, Level.DEBUG)


async def lock_claimed(session: AsyncSession, job: Job) -> JobRow:
    """Lock the job's row until the transaction ends, for writing its result.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    return await _claimed_row(session, job)


async def release_job(session: AsyncSession, job: Job) -> None:
    """Give a job back to the queue because its worker stops.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    row = await _claimed_row(session, job)
    if row.state == JobState.RUNNING:
        change_state(row, JobState.QUEUED)
    row.lease_end = None
    row.releases += 1
    await add_event(session, row, "the worker stops; the job waits for another one")
    await enqueue(session, entry_of(row))


async def retry_job(session: AsyncSession, job: Job, fault: Fault, times: ClaimTimes) -> None:
    """Have a job begun again after an attempt that ended by no fault of its own.

    A job without attempts left fails with what ended the last one.

    Raises:
        ClaimLost: The job is no longer ours.
    """
    row = await _claimed_row(session, job)
    if row.state == JobState.CANCELLING:
        await end_row(session, row, JobState.CANCELLED, "the job was cancelled")
        return
    await add_event(session, row, f"attempt {row.attempt} failed: {fault.message}", Level.ERROR)
    left = _attempts_left(row, times)
    if left <= 0:
        row.fault = fault
        message = f"{fault.message}; that was attempt {row.attempt}, and the last one"
        await end_row(session, row, JobState.FAILED, message)
        return
    change_state(row, JobState.QUEUED)
    row.lease_end = None
    pause = times.retry_seconds * 2 ** (row.attempt - row.releases - 1)
    await add_event(session, row, f"the job waits to be begun again, {left} attempts are left")
    await enqueue(session, entry_of(row, min(pause, _LONGEST_PAUSE_SECONDS)))


async def requeue_lost(session: AsyncSession, most: int = 100) -> list[str]:
    """Put open jobs that nobody works on into the queue again.

    These are jobs whose worker died, and jobs whose queue entry was lost with it. Safe to
    call at any time by any worker: a job that waits in the queue is not put there twice,
    and who gets an entry still has to claim the job.
    """
    waiting = exists().where(
        _ENTRIES.c.queueing_lock == JobRow.job_id, _ENTRIES.c.status == text("'todo'")
    )
    query = (
        select(JobRow.job_id, JobRow.queue, JobRow.priority)
        .where(~waiting)
        .where(JobRow.state.in_([JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING]))
        .where(or_(JobRow.lease_end.is_(None), JobRow.lease_end < func.clock_timestamp()))
        .order_by(JobRow.id)
        .limit(most)
    )
    lost = [Entry(*found) for found in await session.execute(query)]
    for entry in lost:
        await enqueue(session, entry)
    return [entry.job_id for entry in lost]


async def _claimed_row(session: AsyncSession, job: Job) -> JobRow:
    row = await get_job_row(session, job.job_id, for_update=True)
    if row.attempt != job.attempt or JobState(row.state).final or row.lease_end is None:
        raise ClaimLost(job.job_id)
    return row


def _attempts_left(row: JobRow, times: ClaimTimes) -> int:
    """Count the attempts that a job still has; the operator may have set fewer since."""
    most = min(row.max_attempts or times.most_attempts, times.most_attempts)
    return most - (row.attempt - row.releases)


async def _is_leased(session: AsyncSession, row: JobRow) -> bool:
    if row.lease_end is None:
        return False
    return bool(await session.scalar(select(func.clock_timestamp() < row.lease_end)))


async def _renew(session: AsyncSession, row: JobRow, times: ClaimTimes) -> None:
    row.lease_end = await session.scalar(select(func.clock_timestamp() + times.lease))


async def _give_up(session: AsyncSession, row: JobRow) -> None:
    row.fault = Fault(
        "ATTEMPTS_EXHAUSTED",
        f"the job was begun {row.attempt} times, of which {row.attempt - row.releases} ended"
        " without a result, the last one by the death of its worker; it may need more memory"
        " than there is",
    )
    await end_row(session, row, JobState.FAILED, row.fault.message)
