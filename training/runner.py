"""Runs one job: claim, fit in a child, check, publish. What counts is in the job's row."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from registry.admission import Admission
from registry.artifact_store import CHUNK_BYTES, ArtifactStore
from registry.artifacts import StoredFile
from registry.child_process import ChildLimits, ChildProcess
from registry.reports import Fault, Lineage
from registry.transactions import DATABASE_AWAY, Sessions, begin
from registry.version import Verdict, VersionDraft
from registry.versions import register_version
from training import claims
from training.claims import ClaimLost, ClaimTimes
from training.datasets import DatasetVersion, get_version
from training.fitting import FitFile, FitOutcome, FitProgress, FitRequest, Origin
from training.job import Job
from training.jobs import end_row
from training.names import dataset_version_name, job_name
from training.states import JobState

_WATCH_SECONDS = 0.5
_OUR_FAULT = Fault(
    "INTERNAL", "the job failed by a fault of the server; its log tells more under the job's id"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What a runner works with.

    Attributes:
        sessions: Opens transactions.
        store: Holds tables and takes the files of versions.
        admission: Checks versions.
        children: Starts the processes that fit.
        limits: What one fit may use.
        folder: Where fits have their folders.
        times: How claims live and die.
    """

    sessions: Sessions
    store: ArtifactStore
    admission: Admission
    children: ChildProcess
    limits: ChildLimits
    folder: Path
    times: ClaimTimes


class Runner:
    """Runs jobs, one call each."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        parts.folder.mkdir(parents=True, exist_ok=True)

    async def run(self, job_id: str) -> None:
        """Run a job if it is to be had, to its end or until this call is cancelled.

        A cancelled call gives the job back to the queue.
        """
        async with begin(self._parts.sessions) as session:
            job = await claims.claim_job(session, job_id, self._parts.times)
        if job is None:
            return
        log.info("training job begins", training_job=job_id, attempt=job.attempt)
        try:
            await self._run_claimed(job)
        except ClaimLost:
            log.warning("training job is no longer ours", training_job=job_id)
        except asyncio.CancelledError:
            await self._release(job)
            raise
        except DATABASE_AWAY:
            log.warning("the database is away; the job is begun again later", training_job=job_id)
        except Exception:
            # Doing it again would fail again.
            log.exception("a training job failed by a fault of ours", training_job=job_id)
            await self._end(job, JobState.FAILED, _OUR_FAULT.message, _OUR_FAULT)

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
            work.result()
        elif not watch.cancelled():
            watch.result()
            await self._end(job, JobState.CANCELLED, "the job was cancelled")

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
            async with begin(self._parts.sessions) as session:
                table = await get_version(session, job.spec.dataset_id, job.spec.dataset_reference)
            outcome = await self._fit(job, table, folder)
            if outcome.parity is None:
                assert outcome.fault
                await self._end(job, JobState.FAILED, outcome.fault.message, outcome.fault)
            else:
                await self._publish(job, table, outcome, folder)

    async def _fit(self, job: Job, table: DatasetVersion, folder: Path) -> FitOutcome:
        """Fit in a child; what goes wrong there is the outcome, not an error here."""
        request = await self._prepare(job, table, folder)

        async def on_line(line: bytes) -> None:
            await self._report(job, line)

        outcome = await self._parts.children.ask(
            "training.fit", folder, request, FitOutcome, self._parts.limits, on_line
        )
        if isinstance(outcome, Fault):
            message = f"the fit did not end well: {outcome.message}"
            return FitOutcome(fault=Fault(outcome.reason, message))
        return outcome

    async def _prepare(self, job: Job, table: DatasetVersion, folder: Path) -> FitRequest:
        stored, table_format = table.readable
        path = folder / f"table.{table_format}"
        await self._parts.store.copy_to(stored.sha256, path)
        return FitRequest(
            table_path=str(path),
            table_format=table_format,
            target=job.spec.target,
            task=job.spec.task,
            trainer=job.spec.trainer,
            settings=dict(job.spec.settings),
            features=job.spec.features,
            feature_selection=job.spec.feature_selection,
            holdout_fraction=job.spec.holdout_fraction,
            seed=job.spec.seed,
            learning=job.spec.learning,
            evaluation=job.spec.evaluation,
            origin=Origin(
                job.spec.model_id,
                dataset_version_name(table.dataset_id, table.number),
                table.stored.sha256,
            ),
        )

    async def _report(self, job: Job, line: bytes) -> None:
        try:
            progress = TypeAdapter(FitProgress).validate_json(line)
        except ValidationError:
            log.warning("fit printed something else", training_job=job.job_id, line=line[:200])
            return
        # Checking and publishing come after the fit: keep some of the way for them.
        await self._record(job, replace(progress, percent=progress.percent * 9 // 10))

    async def _record(self, job: Job, progress: FitProgress) -> None:
        """Record progress, unless the database is away: the work is worth more than that."""
        with suppress(*DATABASE_AWAY):
            async with begin(self._parts.sessions) as session:
                await claims.record_progress(session, job, progress)

    async def _publish(
        self, job: Job, table: DatasetVersion, outcome: FitOutcome, folder: Path
    ) -> None:
        """Store the files, check them, then make the version and end the job in one step."""
        files = [await self._store(folder, file) for file in outcome.artifacts]
        if outcome.fault:
            verdict = Verdict((outcome.fault,), outcome.signature)
        else:
            await self._record(job, FitProgress("admission", 92, "the version is being checked"))
            verdict = await self._parts.admission.check(files, outcome.signature)
        draft = _draft(job, table, outcome)

        async def write(session: AsyncSession) -> None:
            row = await claims.lock_claimed(session, job)
            model_id = job.spec.model_id
            version = await register_version(session, model_id, draft, tuple(files), verdict)
            row.version_number = version.number
            row.metrics, row.task, row.trainer = outcome.metrics, outcome.task, outcome.trainer
            row.fault = verdict.faults[0] if verdict.faults else None
            if row.fault:
                message = f"version {version.number} is refused: {row.fault.message}"
                await end_row(session, row, JobState.FAILED, message)
            else:
                row.stage, row.progress_percent = "done", 100
                message = f"version {version.number} is ready"
                await end_row(session, row, JobState.SUCCEEDED, message)

        await self._write(write)

    async def _store(self, folder: Path, file: FitFile) -> StoredFile:
        stored = await self._parts.store.put(
            _read_file(folder / file.name), most_bytes=self._parts.limits.file_bytes
        )
        return StoredFile(file.name, file.mime_type, stored.size_bytes, stored.sha256)

    async def _end(
        self, job: Job, state: JobState, message: str, fault: Fault | None = None
    ) -> None:
        async def write(session: AsyncSession) -> None:
            row = await claims.lock_claimed(session, job)
            row.fault = fault
            await end_row(session, row, state, message)

        await self._write(write)

    async def _write(self, write: Callable[[AsyncSession], Awaitable[None]]) -> None:
        """Write a result; try again while the lease may hold: an hour's fit hangs on it.

        A commit whose answer was lost is safe: the second try finds the job ended, and
        raises ClaimLost.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + self._parts.times.lease.total_seconds()
        while True:
            try:
                async with begin(self._parts.sessions) as session:
                    await write(session)
            except DATABASE_AWAY:
                if clock() > until:
                    raise
                await asyncio.sleep(_WATCH_SECONDS)
            else:
                return

    async def _release(self, job: Job) -> None:
        try:
            async with begin(self._parts.sessions) as session:
                await claims.release_job(session, job)
        except (ClaimLost, *DATABASE_AWAY):
            log.warning("training job could not be given back", training_job=job.job_id)


def _draft(job: Job, table: DatasetVersion, outcome: FitOutcome) -> VersionDraft:
    return VersionDraft(
        labels=job.spec.labels,
        task=outcome.task,
        classes=outcome.classes,
        target_names=outcome.target_names,
        metrics=outcome.metrics,
        parameters={"trainer": outcome.trainer, **outcome.parameters},
        lineage=Lineage(
            training_job=job_name(job.job_id),
            dataset_version=dataset_version_name(table.dataset_id, table.number),
            dataset_sha256=table.stored.sha256,
            libraries=outcome.libraries,
        ),
        parity_report=outcome.parity,
    )


async def _read_file(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
