"""Workers as processes of their own, on one database and one store."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from modelyard import Client, TrainingJob
from tests.support.penguins import penguin_csv
from tests.support.server_process import REPOSITORY, ServerProcess, is_running

SLOW = {"trees": 400}


@contextmanager
def worker(settings: dict[str, str], log: Path) -> Iterator[int]:
    """Run a training worker, as on a machine of its own; yield its process id."""
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "worker"],
            cwd=REPOSITORY,
            env=os.environ | {f"MODELYARD_{name}": value for name, value in settings.items()},
            stderr=output,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        assert process.wait(60) == 0, log.read_text()


@pytest.fixture
def settings(database_url: URL, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url.render_as_string(hide_password=False),
        "HOME": str(tmp_path / "home"),
        "LEASE_SECONDS": "1.5",
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def client(settings: dict[str, str], tmp_path: Path) -> Iterator[Client]:
    with (
        ServerProcess(tmp_path / "home", settings, ("--no-worker",)) as server,
        server.connect() as client,
    ):
        client.upload_dataset("penguins", penguin_csv())
        yield client


def start(client: Client) -> TrainingJob:
    return client.train("m", "penguins", "species", trainer="random-forest", settings=SLOW)


def wait_for_stage(client: Client, job: TrainingJob, stage: str) -> None:
    for event in client.watch_training_job(job):
        if event.stage == stage:
            return


def test_a_worker_that_was_suspended_and_comes_back_publishes_nothing(
    client: Client, settings: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with worker(settings, log) as suspended:
        job = start(client)
        wait_for_stage(client, job, "fit")
        os.kill(suspended, signal.SIGSTOP)
        with worker(settings, tmp_path / "other.log"):
            done = client.wait_for_training_job(job)
            assert (done.state, done.attempt) == (TrainingJob.STATE_SUCCEEDED, 2)
        os.kill(suspended, signal.SIGCONT)
        # The one who came back is the only worker now: it works on.
        again = client.wait_for_training_job(start(client))
        assert again.state == TrainingJob.STATE_SUCCEEDED
        assert is_running(suspended)
    assert "training job is no longer ours" in log.read_text()
    made = [version.lineage.training_job for version in client.list_model_versions("m")]
    assert sorted(made) == sorted([done.name, again.name])


def test_workers_take_jobs_of_their_queues_side_by_side(
    client: Client, settings: dict[str, str], tmp_path: Path
) -> None:
    day = settings | {"WORKER_QUEUES": "default=1"}
    night = settings | {"WORKER_QUEUES": "nightly=1,weekly=1"}
    with worker(day, tmp_path / "day.log"), worker(night, tmp_path / "night.log"):
        jobs = [client.train("m", "penguins", "species", queue=it) for it in ("", "weekly")]
        done = [client.wait_for_training_job(job) for job in jobs]
    assert {job.state for job in done} == {TrainingJob.STATE_SUCCEEDED}
    assert {job.queue for job in done} == {"default", "weekly"}
    assert len(client.list_model_versions("m")) == 2
