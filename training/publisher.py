"""Makes the version of a job that was fitted, and ends the job in the same transaction."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from registry.artifact_store import CHUNK_BYTES
from registry.artifacts import StoredFile
from registry.child_process import KILLED
from registry.reports import Lineage
from registry.version import Verdict, VersionDraft
from registry.versions import register_version
from training import claims
from training.champions import settle_promotion
from training.datasets import DatasetVersion
from training.fitter import AttemptLost, Inputs
from training.fitting import FitFile, FitOutcome, FitProgress
from training.job import Job
from training.job_writes import JobWrites
from training.jobs import end_row
from training.names import dataset_version_name, job_name
from training.runner_parts import RunnerParts
from training.states import JobState
from training.tables import JobRow


class Publisher:
    """Publishes what fits made.

    Args:
        parts: What the runner works with.
        writes: Writes the result.
    """

    def __init__(self, parts: RunnerParts, writes: JobWrites) -> None:
        self._parts = parts
        self._writes = writes

    async def publish(self, job: Job, inputs: Inputs, outcome: FitOutcome, folder: Path) -> None:
        """Store the files, check them, then make the version and end the job in one step.

        Raises:
            AttemptLost: The check was killed from outside.
            ClaimLost: The job is no longer ours; there is no version.
        """
        files = [await self._store(folder, file) for file in outcome.artifacts]
        verdict = await self._check(job, files, outcome)
        draft = _draft(job, inputs.table, outcome)

        async def write(session: AsyncSession) -> None:
            row = await claims.lock_claimed(session, job)
            model_id = job.spec.model_id
            version = await register_version(session, model_id, draft, tuple(files), verdict)
            row.version_number = version.number
            row.metrics, row.task, row.trainer = outcome.metrics, outcome.task, outcome.trainer
            row.fault = verdict.faults[0] if verdict.faults else None
            if not row.fault:
                row.promotion = await settle_promotion(
                    session, job, version.number, outcome, inputs.champion
                )
            await _end(session, row, version.number)

        await self._writes.write(write)

    async def _check(self, job: Job, files: list[StoredFile], outcome: FitOutcome) -> Verdict:
        if outcome.fault:
            return Verdict((outcome.fault,), outcome.signature)
        progress = FitProgress("admission", 92, "the version is being checked")
        await self._writes.record(job, progress)
        verdict = await self._parts.admission.check(files, outcome.signature)
        for fault in verdict.faults:
            if fault.reason == KILLED:
                raise AttemptLost(fault)
        return verdict

    async def _store(self, folder: Path, file: FitFile) -> StoredFile:
        stored = await self._parts.store.put(
            _read_file(folder / file.name), most_bytes=self._parts.limits.file_bytes
        )
        return StoredFile(file.name, file.mime_type, stored.size_bytes, stored.sha256)


async def _end(session: AsyncSession, row: JobRow, number: int) -> None:
    if row.fault:
        message = f"version {number} is refused: {row.fault.message}"
        await end_row(session, row, JobState.FAILED, message)
        return
    row.stage, row.progress_percent = "done", 100
    message = f"version {number} is ready"
    if row.promotion:
        moved = "was moved" if row.promotion.moved else "stays"
        message += f"; the alias {row.promotion.alias!r} {moved}: {row.promotion.message}"
    await end_row(session, row, JobState.SUCCEEDED, message)


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
