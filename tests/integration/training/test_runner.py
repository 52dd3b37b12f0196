"""A worker's runner on real parts: child processes, store, database."""

import asyncio
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, text

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.errors import FieldInvalid
from registry.list_filters import read_selection
from registry.paging import Page
from registry.registry_filters import VERSIONS
from registry.transactions import begin
from registry.version import VersionState
from registry.versions import get_version, list_versions
from tests.integration.training.conftest import Bench
from training import claims, jobs
from training.claims import ClaimTimes
from training.evaluation.scheme import Scheme, SplitKind
from training.fitting import Level
from training.followers import JobFollowers
from training.queue import make_app
from training.runner import Runner
from training.search.spec import DomainKind, Method, Parameter, SearchSpec, TrialState
from training.states import JobState
from training.trials import list_trials
from training.worker import Worker

ALL = read_selection(VERSIONS, "", "")


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
    (told,) = [event.metrics for event in await bench.events("j") if event.metrics]
    assert told == job.metrics
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
        assert len(await list_versions(session, "m", Page(9, None), ALL)) == 1


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
        assert await list_versions(session, "m", Page(9, None), ALL) == []


async def test_a_worker_takes_jobs_from_the_queue(bench: Bench, database_url: URL) -> None:
    await bench.create("j")
    worker = Worker(make_app(database_url), bench.sessions, bench.runner)
    working = asyncio.create_task(worker.run())
    await bench.wait_for_stage("j", "done")
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await bench.get("j")).state == JobState.SUCCEEDED


async def test_a_fit_over_its_memory_fails_its_job_and_says_which_limit(bench: Bench) -> None:
    await bench.create("j", memory_mb=64)
    await bench.runner.run("j")
    job = await bench.get("j")
    assert job.fault
    assert (job.state, job.fault.reason, job.attempt) == (JobState.FAILED, "OUT_OF_MEMORY", 1)
    assert "64 MiB" in job.fault.message
    assert "limits.memory_mb" in job.fault.message


async def test_a_job_has_less_time_than_the_operator_allows(bench: Bench) -> None:
    await bench.create("j", seconds=0.05)
    await bench.runner.run("j")
    job = await bench.get("j")
    assert job.fault
    assert (job.fault.reason, job.attempt) == ("TIMEOUT", 1)
    assert "0.05 s" in job.fault.message


async def test_a_fit_that_was_killed_from_outside_is_begun_again(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.create("j")
    running = asyncio.create_task(bench.runner.run("j"))
    await bench.wait_for_stage("j", "fit")
    kill_child(tmp_path / "fits")
    await running
    assert (await bench.get("j")).state == JobState.QUEUED
    lost, waits = (await bench.events("j"))[-2:]
    assert (lost.level, lost.message) == (
        Level.ERROR,
        "attempt 1 failed: the process that ran it was killed from outside",
    )
    assert "4 attempts are left" in waits.message


def kill_child(fits: Path) -> None:
    """Kill the process that works in a folder below this one, as a host short of memory does."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = fits in (process / "cwd").readlink().parents
        except OSError:
            continue  # it is not ours, or is gone
        if inside:
            os.kill(int(process.name), signal.SIGKILL)


async def test_a_search_goes_on_where_it_was_broken_off(bench: Bench) -> None:
    space = (Parameter("trees", DomainKind.INT, 1, 9), Parameter("max_depth", DomainKind.INT, 1, 9))
    wanted = SearchSpec(Method.RANDOM, space, max_trials=6)
    await bench.create("j", trainer="random-forest", search=wanted)
    running = asyncio.create_task(bench.runner.run("j"))
    async for event in JobFollowers(bench.sessions, poll_seconds=0.02).follow("j", 0):
        if event.trial and event.trial.number == 2:
            break
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await bench.runner.run("j")
    job = await bench.get("j")
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2), job.fault
    async with begin(bench.sessions) as session:
        trials = await list_trials(session, job)
    assert [trial.number for trial in trials] == list(range(1, 7))
    assert {trial.state for trial in trials} == {TrialState.SUCCEEDED}
    ends = [
        event.trial.number
        for event in await bench.events("j")
        if event.trial and event.trial.state is TrialState.SUCCEEDED and not event.trial.best
    ]
    assert ends == list(range(1, 7))  # none was measured twice
    assert [trial.best for trial in trials].count(True) == 1
