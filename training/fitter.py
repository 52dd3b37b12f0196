"""Fits one job in a child process: what it is given, what it says meanwhile, what comes out."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from registry.child_process import KILLED, ChildLimits
from registry.reports import Fault
from registry.schema import ModelSchema
from training.champions import Champion
from training.cluster_search import WORTH_ANOTHER_ATTEMPT, search_on_cluster
from training.datasets import DatasetVersion
from training.fitting import CHAMPION_FILE, FitOutcome, FitProgress, FitRequest, Origin
from training.job import Job, JobSpec
from training.job_writes import JobWrites
from training.names import dataset_version_name
from training.runner_parts import RunnerParts
from training.search.spec import RAY, SearchRequest, Trial

_PROGRESS = TypeAdapter(FitProgress)
_MOST_FOREIGN_LINES = 200


class AttemptLost(Exception):
    """An attempt ended by no fault of the job: another one may well succeed.

    Args:
        fault: What ended it.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an attempt needs from the database.

    Attributes:
        table: What to learn from.
        champion: What to compare with, if that is asked for.
        finished: The trials that ended in earlier attempts.
        schemas: The typed services of the model.
    """

    table: DatasetVersion
    champion: Champion | None = None
    finished: tuple[Trial, ...] = ()
    schemas: tuple[ModelSchema, ...] = ()


class Fitter:
    """Fits jobs.

    Args:
        parts: What the runner works with.
        writes: Records progress.
    """

    def __init__(self, parts: RunnerParts, writes: JobWrites) -> None:
        self._parts = parts
        self._writes = writes

    async def fit(self, job: Job, inputs: Inputs, folder: Path) -> FitOutcome:
        """Fit in a child; what goes wrong there is the outcome, not an error here.

        Args:
            job: The job, claimed.
            inputs: What it needs from the database.
            folder: An empty folder; the files of the version are there afterwards.

        Raises:
            AttemptLost: The child was killed from outside, or the cluster is away.
        """
        request = await self._prepare(job.spec, inputs, folder)
        limits = _limits_of(job.spec, self._parts.limits)
        lines = _Lines(job, self._writes)
        if request.search and request.search.spec.executor == RAY:
            place = folder / "search"
            place.mkdir()
            found = await search_on_cluster(
                self._parts.cluster, request, inputs.table.table, limits, place, lines.take
            )
            if isinstance(found, Fault):
                return _lose_or_fail(found, WORTH_ANOTHER_ATTEMPT, found.message)
            request, limits = found
        outcome = await self._parts.children.ask(
            "training.fit", folder, request, FitOutcome, limits, lines.take
        )
        if not isinstance(outcome, Fault):
            return outcome
        return _lose_or_fail(outcome, (KILLED,), f"the fit did not end well: {outcome.message}")

    async def _prepare(self, spec: JobSpec, inputs: Inputs, folder: Path) -> FitRequest:
        table, champion = inputs.table, inputs.champion
        stored, table_format = table.readable
        path = folder / f"table.{table_format}"
        await self._parts.store.copy_to(stored.sha256, path)
        if champion:
            await self._parts.store.copy_to(champion.sha256, folder / CHAMPION_FILE)
        return FitRequest(
            table_path=str(path),
            table_format=table_format,
            target=spec.target,
            task=spec.task,
            trainer=spec.trainer,
            settings=dict(spec.settings),
            features=spec.features,
            feature_selection=spec.feature_selection,
            holdout_fraction=spec.holdout_fraction,
            seed=spec.seed,
            learning=spec.learning,
            evaluation=spec.evaluation,
            origin=Origin(
                spec.model_id,
                dataset_version_name(table.dataset_id, table.number),
                table.stored.sha256,
                inputs.schemas,
            ),
            rival=champion.rival if champion else None,
            search=SearchRequest(spec.search, inputs.finished) if spec.search else None,
        )


_ADVICE = {
    "TIMEOUT": "; allow the job more in limits.time, or give it less to do",
    "OUT_OF_MEMORY": "; allow the job more in limits.memory_mb, or give it less to do",
}


def _lose_or_fail(fault: Fault, lost: tuple[str, ...], message: str) -> FitOutcome:
    """Tell what can't be done at all from what another attempt may do.

    Raises:
        AttemptLost: It may.
    """
    if fault.reason in lost:
        raise AttemptLost(fault)
    return FitOutcome(fault=Fault(fault.reason, message + _ADVICE.get(fault.reason, "")))


class _Lines:
    """Takes the lines that a child writes: its progress, and what libraries say.

    Args:
        job: The job.
        writes: Records them.
    """

    def __init__(self, job: Job, writes: JobWrites) -> None:
        self._job = job
        self._writes = writes
        self._foreign_count = 0

    async def take(self, line: bytes) -> None:
        """Record a line; only so many of those that are no progress."""
        try:
            progress = _PROGRESS.validate_json(line)
        except ValidationError:
            text = line.decode(errors="replace").strip()
            self._foreign_count += bool(text)
            if text and self._foreign_count <= _MOST_FOREIGN_LINES:
                await self._writes.record_line(self._job, text)
            return
        # Checking and publishing come after the fit: keep some of the way for them.
        await self._writes.record(self._job, replace(progress, percent=progress.percent * 9 // 10))


def _limits_of(spec: JobSpec, most: ChildLimits) -> ChildLimits:
    """Take what a job asks for, within what the operator allows now."""
    return replace(
        most,
        memory_bytes=min(spec.memory_mb << 20 or most.memory_bytes, most.memory_bytes),
        seconds=min(spec.seconds or most.seconds, most.seconds),
    )
