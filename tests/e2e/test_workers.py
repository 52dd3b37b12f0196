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
from tests.support.server_process import REPOSITORY, ServerProcess, is_running, wait_for

SLOW = {"trees": 200}


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


def start(client: Client, queue: str = "") -> TrainingJob:
    return client.train(
        "m", "penguins", "species", trainer="random-forest", settings=SLOW, queue=queue
    )


def wait_for_stage(client: Client, job: TrainingJob, stage: str) -> None:
    for event in client.watch_training_job(job):
        if event.stage == stage:
            return


def test_a_worker_that_was_suspended_and_comes_back_publishes_nothing(
    client: Client, settings: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    queues = settings | {"WORKER_QUEUES": "default=1,weekly=1"}
    with worker(settings, log) as suspended:
        job = start(client)
        wait_for_stage(client, job, "fit")
        os.kill(suspended, signal.SIGSTOP)
        with worker(queues, tmp_path / "other.log"):
            # The other worker takes what the first one lost, and a job of its second queue.
            beside = start(client, queue="weekly")
            done = [client.wait_for_training_job(it) for it in (job, beside)]
        assert [it.state for it in done] == [TrainingJob.STATE_SUCCEEDED] * 2
        assert [it.attempt for it in done] == [2, 1]
        os.kill(suspended, signal.SIGCONT)
        wait_for(lambda: "training job is no longer ours" in log.read_text())
        assert is_running(suspended)
    made = [version.lineage.training_job for version in client.list_model_versions("m")]
    assert sorted(made) == sorted(it.name for it in done)
