"""A Ray cluster of two nodes on this machine, and jobs whose trials it runs."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

# Ray reads this when it is imported. Its ports are open to the machine's network, and whoever
# reaches them runs code: so it asks for a token, which also proves that ours is handed on.
os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
}

from ray.cluster_utils import Cluster as LocalCluster

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.transactions import Sessions, begin
from server.settings import cluster_environment
from tests.integration.training.conftest import Bench
from training import jobs
from training.claims import ClaimTimes
from training.job import JobBounds, JobSpec
from training.runner import Runner
from training.runner_parts import Cluster, RunnerParts
from training.search.spec import RAY, DomainKind, Method, Parameter, SearchSpec, Trial
from training.trials import list_trials

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
SPACE = (
    Parameter("trees", DomainKind.INT, 20, 200),
    Parameter("max_depth", DomainKind.INT, 1, 8),
)


class RayBench(Bench):
    """Jobs on penguins, with or without a cluster."""

    async def search(self, job_id: str, search: SearchSpec, **wanted: Any) -> None:
        """Make a job; its model is named as the job is."""
        options = {"trainer": "random-forest", "seed": 11, "search": search, **wanted}
        spec = JobSpec(job_id, "penguins", "latest", "species", **options)
        async with begin(self.sessions) as session:
            await jobs.create_job(session, job_id, spec, JobBounds(ray_table_mb=1))

    async def trials(self, job_id: str) -> list[Trial]:
        """Return a job's trials, without the times, which differ."""
        async with begin(self.sessions) as session:
            trials = await list_trials(session, await jobs.get_job(session, job_id))
        return [replace(trial, seconds=0.0) for trial in trials]

    def with_address(self, address: str) -> Runner:
        """Make a runner whose cluster is there."""
        drivers = ChildProcess(cluster_environment(), confined=False)
        return Runner(replace(self.parts, cluster=Cluster(address, drivers)))


def on_ray(method: Method = Method.RANDOM, **options: Any) -> SearchSpec:
    """Ask for a search on the cluster."""
    return SearchSpec(method, SPACE, **{"max_trials": 6, "folds": 3, "executor": RAY, **options})


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    nodes = LocalCluster(initialize_head=True, head_node_args=NODE)
    nodes.add_node(**NODE)
    yield nodes
    nodes.shutdown()


@pytest.fixture
async def bench(
    cluster: LocalCluster,
    sessions: Sessions,
    store: LocalArtifactStore,
    admission: Admission,
    children: ChildProcess,
    tmp_path: Path,
) -> AsyncIterator[RayBench]:
    limits = ChildLimits(seconds=300.0)
    parts = RunnerParts(
        sessions, store, admission, children, limits, tmp_path / "fits", ClaimTimes()
    )
    bench = RayBench(parts)
    bench.runner = bench.with_address(cluster.address)
    await bench.upload()
    yield bench
    assert list((tmp_path / "fits").iterdir()) == []  # nothing is left behind
