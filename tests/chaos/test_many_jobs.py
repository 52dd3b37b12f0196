"""Many jobs while servers, workers, fits and the database are killed: each ends once.

The moments and the victims are drawn from `--seed`; what they hit depends on the machine.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import grpc
import pytest

from modelyard import Client, ModelVersion, ModelyardError, TrainingJob, training_job
from tests.support.penguins import penguin_csv
from tests.support.server_process import ServerProcess, wait_for

PAUSE_SECONDS = (0.2, 5.0)
END_SECONDS = 3600.0
SETTINGS = {"LEASE_SECONDS": "3", "WORKER_QUEUES": "*=3", "TRAINING_ATTEMPTS": "100"}
FINAL = {TrainingJob.STATE_SUCCEEDED, TrainingJob.STATE_FAILED, TrainingJob.STATE_CANCELLED}


class Killer:
    """Kills a part of a server at random moments, so many times.

    Args:
        server: The server.
        kills: How many times.
        seed: Seeds victims and moments.
    """

    def __init__(self, server: ServerProcess, kills: int, seed: int) -> None:
        self._server = server
        self._kills = kills
        self._random = random.Random(seed)  # noqa: S311 - draws moments, guards nothing
        self.killed: Counter[str] = Counter()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Kill until all kills are done."""
        victims: list[tuple[str, Callable[[], None]]] = [
            ("child", self._kill_child),
            ("worker", lambda: os.kill(self._server.worker_pid(), signal.SIGKILL)),
            ("database", self._kill_database),
            ("server", self._kill_server),
        ]
        try:
            while self.killed.total() < self._kills:
                # The moments are what is tried here, so they are drawn.
                time.sleep(self._random.uniform(*PAUSE_SECONDS))
                name, kill = self._random.choice(victims)
                with suppress(ProcessLookupError, FileNotFoundError, TimeoutError):
                    kill()
                    self.killed[name] += 1
        except BaseException as error:
            self.error = error
            raise

    def _kill_child(self) -> None:
        os.kill(wait_for(lambda: working_in(self._server.home / "work"), 10.0), signal.SIGKILL)

    def _kill_database(self) -> None:
        postmaster = self._server.home / "postgres" / "data" / "postmaster.pid"
        os.kill(int(postmaster.read_text().split()[0]), signal.SIGKILL)

    def _kill_server(self) -> None:
        self._server.kill()
        self._server.start()


def working_in(folder: Path) -> int | None:
    """Find a process that works in a folder below this one."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder in (process / "cwd").readlink().parents:
                return int(process.name)
    return None


@contextmanager
def killing(killer: Killer) -> Iterator[None]:
    thread = threading.Thread(target=killer.run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if killer.error:
        raise killer.error


def patiently(server: ServerProcess, ask: Callable[[Client], object]) -> None:
    """Ask until there is an answer; servers come and go meanwhile."""

    def answered() -> bool:
        try:
            with server.connect() as client:
                ask(client)
        except ModelyardError as error:
            if error.code is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    wait_for(answered, END_SECONDS)


def start_jobs(server: ServerProcess, jobs: int) -> None:
    """Start jobs under ids of our own: who asks again after a broken call finds the first."""

    def start(number: int, client: Client) -> None:
        job = training_job(
            "m", "penguins", "species", trainer="logistic-regression", seed=number, max_attempts=100
        )
        try:
            client.create_training_job(job, f"job-{number}")
        except ModelyardError as error:
            if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise

    for number in range(jobs):
        patiently(server, partial(start, number))


@pytest.mark.timeout(2 * END_SECONDS)
def test_every_job_ends_once(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    jobs: int = pytestconfig.getoption("--jobs")
    kills: int = pytestconfig.getoption("--kills")
    began = time.monotonic()
    with ServerProcess(tmp_path / "home", SETTINGS) as server:
        with server.connect() as client:
            client.upload_dataset("penguins", penguin_csv())
        killer = Killer(server, kills, pytestconfig.getoption("--seed"))
        with killing(killer):
            start_jobs(server, jobs)
        with server.connect() as client:
            ids = [f"job-{number}" for number in range(jobs)]
            done = [client.wait_for_training_job(job_id) for job_id in ids]
            versions = client.list_model_versions("m")
    check_jobs(done, versions)
    attempts = Counter(job.attempt for job in done)
    states = Counter(TrainingJob.State.Name(job.state) for job in done)
    sys.stdout.write(
        f"\n{jobs} jobs, {killer.killed.total()} kills {dict(killer.killed)}, {dict(states)},"
        f" attempts {dict(sorted(attempts.items()))}, {len(versions)} versions,"
        f" {time.monotonic() - began:.0f} s\n"
    )


def check_jobs(done: list[TrainingJob], versions: list[ModelVersion]) -> None:
    """Every job has ended, with the one version that names it; no version is anyone else's."""
    assert {job.state for job in done} <= FINAL
    made = {job.model_version: job.name for job in done if job.model_version}
    assert {it.name: it.lineage.training_job for it in versions} == made
    assert len(set(made.values())) == len(made)
    for job in done:
        assert (job.state == TrainingJob.STATE_SUCCEEDED) == bool(job.model_version), job.fault
    assert {it.state for it in versions} == {ModelVersion.STATE_ACTIVE}
