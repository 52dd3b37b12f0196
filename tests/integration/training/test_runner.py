"""A worker's runner on real parts: child processes, store, database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, text

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.errors import FieldInvalid
from registry.paging import Page
from registry.transactions import Sessions, begin
from registry.version import VersionState
from registry.versions import get_version, list_versions
from tests.support.penguins import penguin_csv
from tests.support.streams import chunks_of
from training import claims, datasets, jobs
from training.claims import ClaimTimes
from training.columns import Table, TableFormat
from training.datasets import DatasetDraft
from training.evaluation.scheme import Scheme, SplitKind
from training.followers import JobFollowers
from training.job import Job, JobSpec
from training.queue import make_app
from training.runner import Runner, RunnerParts
from training.states import JobState
from training.table_reader import TableReader
from training.worker import Worker


class Bench:
    """A dataset of penguins and a runner for jobs on it."""

    def __init__(self, parts: RunnerParts) -> None:
        self.parts = parts
        self.runner = Runner(parts)
        self.sessions = parts.sessions

    async def upload(self) -> None:
        store = self.parts.store
        stored = await store.put(chunks_of(penguin_csv(), 4096), most_bytes=1 << 20)
        reader = TableReader(store, self.parts.children, ChildLimits(), self.parts.folder)
        table_format, found = await reader.read(stored, None)
        assert isinstance(found, Table)
        assert table_format == TableFormat.CSV
        async with begin(self.sessions) as session:
            await datasets.create_dataset(session, "penguins", DatasetDraft())
            await datasets.add_version(session, "penguins", stored, table_format, found)

    async def create(self, job_id: str, target: str = "species", **options: Any) -> None:
        spec = JobSpec("m", "penguins", "latest", target, **options)
        async with begin(self.sessions) as session:
            await jobs.create_job(session, job_id, spec)

    async def get(self, job_id: str) -> Job:
        async with begin(self.sessions) as session:
            return await jobs.get_job(session, job_id)

    async def wait_for_stage(self, job_id: str, stage: str) -> None:
        followers = JobFollowers(self.sessions, poll_seconds=0.02)
        async for event in followers.follow(job_id, 0):
            if event.stage == stage:
                return


@pytest.fixture
async def bench(
    sessions: Sessions,
    store: LocalArtifactStore,
    admission: Admission,
    children: ChildProcess,
    tmp_path: Path,
) -> AsyncIterator[Bench]:
    parts = RunnerParts(
        sessions, store, admission, children, ChildLimits(), tmp_path / "fits", ClaimTimes()
    )
    bench = Bench(parts)
    await bench.upload()
    yield bench
    assert list((tmp_path / "fits").iterdir()) == []  # nothing is left behind


async def test_a_job_becomes_a_version_that_is_proved_and_served(bench: Bench) -> None:
    await bench.create("j")
    await bench.runner.run("j")
    job = await bench.get("j")
    assert (job.state, job.version_number, job.progress_percent) == (JobState.SUCCEEDED, 1, 100)
    async with begin(bench.sessions) as session:
        version = await get_version(session, "m", "champion")
    assert version.state == VersionState.ACTIVE
    assert version.draft.parity_report
    assert version.draft.parity_report.passed
    assert version.verdict.report
    assert version.verdict.report.golden_row_count > 0
    assert version.draft.lineage.training_job == "trainingJobs/j"
    assert version.draft.metrics == job.metrics != ()
    assert all(metric.lower is not None for metric in job.metrics)
    kinds = {file.artifact_id: file.mime_type for file in version.artifacts}
    assert kinds["model-card.html"] == "text/html"
    assert kinds["roc-curve.png"] == "image/png"
    assert kinds["evaluation.json"] == "application/json"
    await bench.runner.run("j")  # its queue entry comes again: nothing happens
    assert await bench.get("j") == job


async def test_a_jobs_evaluation_is_kept_and_checked(bench: Bench) -> None:
    wanted = Scheme(SplitKind.TIME_ORDERED, "year", 2, "island")
    await bench.create("j", evaluation=wanted)
    assert (await bench.get("j")).spec.evaluation == wanted
    async with begin(bench.sessions) as session:
        await session.execute(text("update training_jobs set evaluation = null"))
    assert (await bench.get("j")).spec.evaluation == Scheme()
    with pytest.raises(FieldInvalid) as refused:
        await bench.create("k", evaluation=Scheme(SplitKind.GROUPED, "z"))
    assert refused.value.field == "training_job.evaluation.split_column"


async def test_two_runners_make_one_version(bench: Bench) -> None:
    await bench.create("j")
    await asyncio.gather(bench.runner.run("j"), Runner(bench.parts).run("j"))
    async with begin(bench.sessions) as session:
        assert len(await list_versions(session, "m", Page(9, None))) == 1


async def test_a_regression_job_has_values(bench: Bench) -> None:
    await bench.create("j", "body_mass_g")
    await bench.runner.run("j")
    job = await bench.get("j")
    assert job.state == JobState.SUCCEEDED, job.fault
    assert {metric.name for metric in job.metrics} >= {"rmse", "r2"}


async def test_a_fit_over_its_time_fails_its_job(bench: Bench) -> None:
    await bench.create("j")
    hasty = replace(bench.parts, limits=ChildLimits(seconds=0.05))
    await Runner(hasty).run("j")
    job = await bench.get("j")
    assert job.fault
    assert (job.state, job.fault.reason) == (JobState.FAILED, "TIMEOUT")


async def test_a_refused_version_fails_its_job_and_is_kept(
    bench: Bench, store: LocalArtifactStore, children: ChildProcess, tmp_path: Path
) -> None:
    hasty = Admission(store, children, ChildLimits(seconds=0.05), tmp_path / "hasty")
    await bench.create("j")
    await Runner(replace(bench.parts, admission=hasty)).run("j")
    job = await bench.get("j")
    assert (job.state, job.version_number) == (JobState.FAILED, 1)
    async with begin(bench.sessions) as session:
        assert (await get_version(session, "m", "1")).state == VersionState.FAILED


async def test_a_stopped_runner_gives_its_job_back(bench: Bench) -> None:
    await bench.create("j")
    running = asyncio.create_task(bench.runner.run("j"))
    await bench.wait_for_stage("j", "read")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await bench.get("j")).state == JobState.QUEUED


async def test_a_cancelled_job_ends(bench: Bench) -> None:
    await bench.create("j")
    running = asyncio.create_task(bench.runner.run("j"))
    await bench.wait_for_stage("j", "read")
    async with begin(bench.sessions) as session:
        await jobs.cancel_job(session, "j")
    await running
    assert (await bench.get("j")).state == JobState.CANCELLED


async def test_a_runner_that_lost_its_claim_stops_and_writes_nothing(bench: Bench) -> None:
    await bench.create("j")
    short = replace(bench.parts, times=ClaimTimes(timedelta(seconds=-1)))
    running = asyncio.create_task(Runner(short).run("j"))
    await bench.wait_for_stage("j", "read")
    async with begin(bench.sessions) as session:
        taken = await claims.claim_job(session, "j", ClaimTimes())
    assert taken
    await running
    assert (await bench.get("j")).attempt == taken.attempt
    async with begin(bench.sessions) as session:
        assert await list_versions(session, "m", Page(9, None)) == []


async def test_a_worker_takes_jobs_from_the_queue(bench: Bench, database_url: URL) -> None:
    await bench.create("j")
    worker = Worker(make_app(database_url), bench.sessions, bench.runner)
    working = asyncio.create_task(worker.run())
    await bench.wait_for_stage("j", "done")
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await bench.get("j")).state == JobState.SUCCEEDED
