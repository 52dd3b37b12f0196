"""What the attempt at a job writes into the database, while its claim holds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from registry.reports import Fault
from registry.transactions import DATABASE_AWAY, Sessions, begin
from training import claims
from training.claims import ClaimLost, ClaimTimes
from training.fitting import FitProgress
from training.job import Job
from training.jobs import end_row
from training.search.spec import TrialState
from training.states import JobState

_PAUSE_SECONDS = 0.5

log = structlog.get_logger()


class JobWrites:
    """Writes for the holder of a claim; all raise ClaimLost for anyone else.

    Args:
        sessions: Opens transactions.
        times: How claims live and die.
    """

    def __init__(self, sessions: Sessions, times: ClaimTimes) -> None:
        self._sessions = sessions
        self._times = times

    async def record(self, job: Job, progress: FitProgress) -> None:
        """Record progress, unless the database is away: the work is worth more than that.

        A trial that ended is work: it is recorded as a result is.
        """
        if progress.trial and progress.trial.state is not TrialState.RUNNING:
            await self.write(lambda session: claims.record_progress(session, job, progress))
            return
        with suppress(*DATABASE_AWAY):
            async with begin(self._sessions) as session:
                await claims.record_progress(session, job, progress)

    async def record_line(self, job: Job, line: str) -> None:
        """Keep a line that a library wrote, unless the database is away."""
        with suppress(*DATABASE_AWAY):
            async with begin(self._sessions) as session:
                await claims.record_line(session, job, line)

    async def end(
        self, job: Job, state: JobState, message: str, fault: Fault | None = None
    ) -> None:
        """End a job."""

        async def write(session: AsyncSession) -> None:
            row = await claims.lock_claimed(session, job)
            row.fault = fault
            await end_row(session, row, state, message)

        await self.write(write)

    async def retry(self, job: Job, fault: Fault) -> None:
        """Have a job begun again after an attempt that ended by no fault of its own."""
        await self.write(lambda session: claims.retry_job(session, job, fault, self._times))

    async def release(self, job: Job) -> None:
        """Give a job back to the queue, as far as that is possible now."""
        try:
            async with begin(self._sessions) as session:
                await claims.release_job(session, job)
        except (ClaimLost, *DATABASE_AWAY):
            log.warning("training job could not be given back", training_job=job.job_id)

    async def write(self, write: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Write a result; try again while the lease may hold: an hour's fit hangs on it.

        A commit whose answer was lost is safe: the second try finds the job ended, and
        raises ClaimLost, or tells of the same trial once more.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + self._times.lease.total_seconds()
        while True:
            try:
                async with begin(self._sessions) as session:
                    await write(session)
            except DATABASE_AWAY:
                if clock() > until:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return
