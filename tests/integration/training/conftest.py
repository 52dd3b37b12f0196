"""A dataset and a runner for jobs on it, for tests of jobs on real parts."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.child_process import ChildLimits, ChildProcess
from registry.transactions import Sessions, begin
from tests.support.penguins import penguin_csv
from tests.support.streams import chunks_of
from training import datasets, jobs
from training.claims import ClaimTimes
from training.columns import Table, TableFormat
from training.datasets import DatasetDraft
from training.followers import JobFollowers
from training.job import Job, JobEvent, JobSpec
from training.runner import Runner
from training.runner_parts import RunnerParts
from training.table_reader import TableReader


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

    async def create(self, job_id: str, target: str = "species", **wanted: Any) -> None:
        spec = JobSpec("m", "penguins", "latest", target, **wanted)
        async with begin(self.sessions) as session:
            await jobs.create_job(session, job_id, spec)

    async def get(self, job_id: str) -> Job:
        async with begin(self.sessions) as session:
            return await jobs.get_job(session, job_id)

    async def events(self, job_id: str) -> list[JobEvent]:
        async with begin(self.sessions) as session:
            return await jobs.list_events(session, job_id, 0, 1000)

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
