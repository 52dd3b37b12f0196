"""Searches on a Ray cluster of two nodes: as right as here, whoever dies or calls them off."""

import asyncio
import os
import re
import signal
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster as LocalCluster

from modelyard import search
from modelyard.job_options import training_job
from modelyard.training.v1.training_pb2 import TrainingJob
from registry.transactions import begin
from registry.versions import get_version
from tests.cluster.conftest import NODE, RayBench, on_ray
from tests.support.penguins import penguin_csv
from tests.support.server_process import ServerProcess, wait_for
from training import jobs
from training.fitting import Level
from training.followers import JobFollowers
from training.runner import Runner
from training.search.spec import LOCAL, Method, TrialState
from training.states import JobState

# Machines with little to spare start a node, and each trial's process, in several seconds.
pytestmark = pytest.mark.timeout(300)


async def model_of(bench: RayBench, job_id: str) -> tuple[Any, ...]:
    """Return the digests of the files of a job's version, its settings and figures."""
    async with begin(bench.sessions) as session:
        version = await get_version(session, job_id, "1")
    files = {it.artifact_id: it.sha256 for it in version.artifacts}
    # The cards name the model, and each job here has one of its own.
    for card in ("model-card.md", "model-card.html"):
        del files[card]
    assert {"model.onnx", "golden-rows.json", "evaluation.json"} <= files.keys()
    return files, version.draft.metrics, version.draft.parameters


async def nodes_of(bench: RayBench, job_id: str) -> set[str]:
    """Return the nodes that a job's trials ran on."""
    told = " ".join(event.message for event in await bench.events(job_id))
    return set(re.findall(r"on node (\w+)", told))


async def wait_for_trial(bench: RayBench, job_id: str, number: int) -> None:
    """Wait until a job's trial of this number begins."""
    async for event in JobFollowers(bench.sessions, poll_seconds=0.02).follow(job_id, 0):
        if event.trial and event.trial.number == number:
            return


def processes_of(module: str) -> list[int]:
    """Find the processes that run a module of ours."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is gone
            if module.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def trial_processes() -> list[int]:
    """Find the processes that fit trials, on whichever node."""
    return processes_of("training.search.trial_fit")


@pytest.mark.parametrize("method", [Method.RANDOM, Method.HALVING])
async def test_both_nodes_search_and_the_result_is_the_same(
    bench: RayBench, method: Method
) -> None:
    wanted = on_ray(method)
    await bench.search("far", wanted)
    await bench.runner.run("far")
    await bench.search("near", replace(wanted, executor=LOCAL))
    await bench.runner.run("near")
    far, near = await bench.get("far"), await bench.get("near")
    assert (far.state, near.state) == (JobState.SUCCEEDED, JobState.SUCCEEDED), far.fault
    assert len(await nodes_of(bench, "far")) == 2
    assert await bench.trials("far") == await bench.trials("near")
    assert await model_of(bench, "far") == await model_of(bench, "near")


async def test_a_node_that_dies_takes_no_trial_with_it(
    bench: RayBench, cluster: LocalCluster
) -> None:
    doomed = cluster.add_node(**NODE)
    wanted = on_ray(folds=10)
    await bench.search("far", wanted)
    running = asyncio.create_task(bench.runner.run("far"))
    await wait_for_trial(bench, "far", 4)
    cluster.remove_node(doomed, allow_graceful=False)
    await running
    await bench.search("near", replace(wanted, executor=LOCAL))
    await bench.runner.run("near")
    assert (await bench.get("far")).state == JobState.SUCCEEDED
    assert doomed.node_id[:12] in await nodes_of(bench, "far")
    # What Ray says of its nodes is not for those who follow the job.
    assert not any("raylet" in event.message for event in await bench.events("far"))
    assert await bench.trials("far") == await bench.trials("near")
    assert await model_of(bench, "far") == await model_of(bench, "near")


async def test_a_cancelled_search_ends_on_every_node(bench: RayBench) -> None:
    await bench.search("far", on_ray(folds=20))
    running = asyncio.create_task(bench.runner.run("far"))
    await asyncio.to_thread(wait_for, trial_processes)
    async with begin(bench.sessions) as session:
        await jobs.cancel_job(session, "far")
    await running
    assert (await bench.get("far")).state == JobState.CANCELLED
    await asyncio.to_thread(wait_for, lambda: not trial_processes())


async def test_a_search_that_ends_early_calls_off_what_runs(bench: RayBench) -> None:
    wanted = on_ray(max_trials=12, patience=2)
    await bench.search("far", wanted)
    await bench.runner.run("far")
    await bench.search("near", replace(wanted, executor=LOCAL))
    await bench.runner.run("near")
    far, near = await bench.trials("far"), await bench.trials("near")
    called_off = far[len(near) :]
    assert far[: len(near)] == near
    assert {it.state for it in called_off} <= {TrialState.CANCELLED}
    assert await model_of(bench, "far") == await model_of(bench, "near")


async def test_limits_hold_on_nodes(bench: RayBench) -> None:
    await bench.search("fat", on_ray(max_trials=2), memory_mb=64)
    await bench.runner.run("fat")
    assert {it.state for it in await bench.trials("fat")} == {TrialState.FAILED}
    assert all("64 MiB" in it.message for it in await bench.trials("fat"))
    fault = (await bench.get("fat")).fault
    assert fault
    assert fault.reason == "SEARCH_FAILED"

    await bench.search("slow", on_ray(max_trials=1000), seconds=8.0)
    await bench.runner.run("slow")
    fault = (await bench.get("slow")).fault
    assert fault
    assert fault.reason == "TIMEOUT"
    assert "limits.time" in fault.message
    await asyncio.to_thread(wait_for, lambda: not trial_processes())


async def test_a_broken_off_search_repeats_no_trial(bench: RayBench) -> None:
    await bench.search("far", on_ray(Method.BAYESIAN, folds=10))
    running = asyncio.create_task(bench.runner.run("far"))
    await wait_for_trial(bench, "far", 2)
    (driver,) = processes_of("training.search.ray_search")
    os.kill(driver, signal.SIGKILL)
    await running
    assert (await bench.get("far")).state == JobState.QUEUED
    await bench.runner.run("far")
    assert (await bench.get("far")).state == JobState.SUCCEEDED
    ended = [
        event.trial.number
        for event in await bench.events("far")
        if event.trial and event.trial.state is TrialState.SUCCEEDED and not event.trial.best
    ]
    assert sorted(ended) == list(range(1, 7))


async def test_a_cluster_that_is_away_is_waited_for(bench: RayBench) -> None:
    await bench.search("far", on_ray())
    with socket.socket() as taken:  # bound, and not listened on
        taken.bind(("127.0.0.1", 0))
        await bench.with_address(f"127.0.0.1:{taken.getsockname()[1]}").run("far")
    assert (await bench.get("far")).state == JobState.QUEUED
    lost = [event.message for event in await bench.events("far") if event.level is Level.ERROR]
    assert ["can't be reached" in message for message in lost] == [True]


async def test_workers_without_the_cluster_say_what_is_missing(bench: RayBench) -> None:
    await bench.search("here", on_ray())
    await Runner(replace(bench.parts, cluster=None)).run("here")
    fault = (await bench.get("here")).fault
    assert fault
    assert fault.reason == "EXECUTOR_MISSING"
    assert "modelyard-server[ray]" in fault.message
    assert "ray_address" in fault.message


def test_a_server_runs_a_search_on_the_cluster(cluster: LocalCluster, tmp_path: Path) -> None:
    settings = {"RAY_ADDRESS": cluster.address}
    with ServerProcess(tmp_path / "home", settings) as server, server.connect() as client:
        client.upload_dataset("penguins", penguin_csv())
        wanted = training_job(
            "penguins",
            "penguins",
            "species",
            trainer="random-forest",
            search=search({"max_depth": [2, 4, 8]}, max_trials=3),
            executor="ray",
        )
        assert [it for it in client.validate_training_job(wanted) if it.severity > 2] == []
        job = client.create_training_job(wanted)
        assert job.executor == "ray"
        messages = [event.message for event in client.watch_training_job(job.name)]
        done = client.get_training_job(job.name)
    assert TrainingJob.State.Name(done.state) == "STATE_SUCCEEDED", messages
    assert any("on node" in message for message in messages)
    assert len(done.trials) == 3
