"""Runs one job: claim, fit in a child, check, publish. What counts is in the job's row."""

import asyncio
import tempfile
from pathlib import Path

import structlog

from registry.reports import Fault
from registry.schemas import list_schemas
from registry.transactions import DATABASE_AWAY, begin
from training import claims
from training.champions import find_champion
from training.claims import ClaimLost
from training.datasets import get_version
from training.fitter import AttemptLost, Fitter, Inputs
from training.job import Job
from training.job_writes import JobWrites
from training.publisher import Publisher
from training.runner_parts import RunnerParts
from training.states import JobState
from training.trials import list_finished

_WATCH_SECONDS = 0.5
_OUR_FAULT = Fault(
    "INTERNAL", "the job failed by a fault of the server; its log tells more under the job's id"
)

log = structlog.get_logger()


class Runner:
    """Runs jobs, one call each; several calls may run side by side.

    Args:
        parts: What it works with.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._writes = JobWrites(parts.sessions, parts.times)
        self._fitter = Fitter(parts, self._writes)
        self._publisher = Publisher(parts, self._writes)
        parts.folder.mkdir(parents=True, exist_ok=True)

    async def run(self, job_id: str) -> None:
        """Run a job if it is to be had, to its end or until this call is cancelled.

        A cancelled call gives the job back to the queue.
        """
        try:
            async with begin(self._parts.sessions) as session:
                job = await claims.claim_job(session, job_id, self._parts.times)
        except DATABASE_AWAY:
            log.warning("the database is away; the job is taken later", training_job=job_id)
            return
        if job is None:
            return
        log.info("training job begins", training_job=job_id, attempt=job.attempt)
        try:
            await self._run_claimed(job)
        except ClaimLost:
            log.warning("training job is no longer ours", training_job=job_id)
        except asyncio.CancelledError:
            await self._writes.release(job)
            raise
        except DATABASE_AWAY:
            log.warning("the database is away; the job is begun again later", training_job=job_id)
        except Exception:
            # Doing it again would fail again.
            log.exception("a training job failed by a fault of ours", training_job=job_id)
            await self._writes.end(job, JobState.FAILED, _OUR_FAULT.message, _OUR_FAULT)

    async def _run_claimed(self, job: Job) -> None:
        """Work and watch side by side; the first to end ends the other."""
        work = asyncio.create_task(self._work(job))
        watch = asyncio.create_task(self._watch(job))
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # The child is gone when its task has ended: wait for it.
            for task in (work, watch):
                task.cancel()
            await asyncio.wait((work, watch))
        if not work.cancelled():
            await self._conclude(job, work)
        elif not watch.cancelled():
            watch.result()
            await self._writes.end(job, JobState.CANCELLED, "the job was cancelled")

    async def _conclude(self, job: Job, work: asyncio.Task[None]) -> None:
        try:
            work.result()
        except AttemptLost as lost:
            log.warning("an attempt was lost", training_job=job.job_id, reason=lost.fault.reason)
            await self._writes.retry(job, lost.fault)

    async def _watch(self, job: Job) -> None:
        """Renew the lease until the job is asked to stop, or lost."""
        clock = asyncio.get_running_loop().time
        renewed = clock()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            try:
                async with begin(self._parts.sessions) as session:
                    if not await claims.keep_claim(session, job, self._parts.times):
                        return
                renewed = clock()
            except DATABASE_AWAY:
                # The work goes on while the lease may still hold; fencing guards the rest.
                if clock() - renewed > self._parts.times.lease.total_seconds():
                    raise ClaimLost(job.job_id) from None

    async def _work(self, job: Job) -> None:
        with tempfile.TemporaryDirectory(dir=self._parts.folder) as name:
            folder = Path(name)
            inputs = await self._read_inputs(job)
            outcome = await self._fitter.fit(job, inputs, folder)
            if outcome.parity is None:
                assert outcome.fault
                await self._writes.end(job, JobState.FAILED, outcome.fault.message, outcome.fault)
            else:
                await self._publisher.publish(job, inputs, outcome, folder)

    async def _read_inputs(self, job: Job) -> Inputs:
        spec = job.spec
        async with begin(self._parts.sessions) as session:
            table = await get_version(session, spec.dataset_id, spec.dataset_reference)
            wanted = spec.on_success.gate is not None
            champion = await find_champion(session, spec.model_id) if wanted else None
            schemas = await list_schemas(session, spec.model_id)
            return Inputs(table, champion, await list_finished(session, job), schemas)
