"""The trials of jobs in the database: kept as they begin and end."""

from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from training.job import Job
from training.search.spec import Trial, TrialState
from training.tables import JobRow, TrialRow


async def keep_trial(session: AsyncSession, row: JobRow, trial: Trial) -> None:
    """Keep a trial of a locked job as it is now, over what it was."""
    statement = insert(TrialRow).values(job_row=row.id, number=trial.number, trial=trial)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[TrialRow.job_row, TrialRow.number],
            set_={"trial": statement.excluded.trial},
        )
    )


async def list_trials(session: AsyncSession, job: Job) -> list[Trial]:
    """Return the trials of a job by number; those that its end broke off are CANCELLED."""
    query = (
        select(TrialRow.trial)
        .join(JobRow, JobRow.id == TrialRow.job_row)
        .where(JobRow.job_id == job.job_id)
        .order_by(TrialRow.number)
    )
    trials = await session.scalars(query)
    return [_as_shown(trial, final=job.state.final) for trial in trials]


async def list_finished(session: AsyncSession, job: Job) -> tuple[Trial, ...]:
    """Return the trials of a job that ended, which need not be done again."""
    ended = (TrialState.SUCCEEDED, TrialState.FAILED)
    trials = await list_trials(session, job)
    return tuple(replace(trial, best=False) for trial in trials if trial.state in ended)


async def delete_trials(session: AsyncSession, row: JobRow) -> None:
    """Remove the trials of a job."""
    await session.execute(delete(TrialRow).where(TrialRow.job_row == row.id))


def _as_shown(trial: Trial, *, final: bool) -> Trial:
    broken_off = final and trial.state is TrialState.RUNNING
    return replace(trial, state=TrialState.CANCELLED) if broken_off else trial
