"""The commands of jobs, and searches as `modelyard train` begins them."""

import json
import re

import pytest

from modelyard import (
    Evaluation,
    FloatRange,
    IntRange,
    TrainingJob,
    search,
)
from modelyard.registry.v1.resources_pb2 import Fault
from tests.unit.client.training_yard import TRAIN, Command, end_jobs, make_yard
from tests.unit.client.yard import Yard


@pytest.fixture
def yard() -> Yard:
    return make_yard()


@pytest.fixture
def job(yard: Yard) -> TrainingJob:
    made = TrainingJob(
        name="trainingJobs/j",
        state=TrainingJob.STATE_FAILED,
        model="models/penguins",
        dataset_version="datasets/birds/versions/2",
        target="species",
        trainer="random-forest",
        stage="fit",
        progress_percent=40,
        model_version="models/penguins/versions/1",
        fault=Fault(reason="ONE_CLASS", message="[one] class only"),
    )
    made.settings.update({"trees": 200, "kind": "a"})
    made.metrics.add(name="accuracy", value=0.5)
    made.evaluation.MergeFrom(
        Evaluation(
            split=Evaluation.SPLIT_TIME_ORDERED, split_column="day", folds=5, segment_column="sex"
        )
    )
    for field in ["create_time", "start_time", "end_time"]:
        getattr(made, field).FromJsonString("2026-01-02T03:04:05Z")
    yard.jobs[made.name] = made
    return made


@pytest.mark.usefixtures("job")
def test_jobs_list_and_show(command: Command) -> None:
    listed = command("jobs", "list").stdout
    assert re.search(r"j +failed +40 % +penguins +birds/versions/2 +species +2026-01-02", listed)
    shown = command("jobs", "show", "j").stdout
    for part in [
        *("trainingJobs/j", "failed, fit 40 %", "ONE_CLASS: [one] class only", "accuracy  0.5"),
        *("trainer random-forest, kind=a, trees=200", "made models/penguins/versions/1"),
        "trains models/penguins on datasets/birds/versions/2, target species",
        "started 2026-01-02 03:04:05 UTC, ended",
        "evaluated time-ordered by day in 5 folds for each sex",
    ]:
        assert part in shown
    assert json.loads(command("jobs", "show", "trainingJobs/j", "--json").stdout)["target"]


def test_a_job_that_waits_can_be_shown(command: Command, yard: Yard) -> None:
    yard.jobs["trainingJobs/j"] = TrainingJob(name="trainingJobs/j", state=TrainingJob.STATE_QUEUED)
    shown = command("jobs", "show", "j").stdout
    assert "queued, 0 %" in shown
    assert "trainer chosen by the server" in shown


def test_jobs_watch_ends_as_train_does(command: Command, yard: Yard, job: TrainingJob) -> None:
    end_jobs(yard, TrainingJob.STATE_SUCCEEDED)
    result = command("jobs", "watch", "j")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        *("  0 % queued", " 40 % fit fold 2 of 5"),
        "`modelyard promote penguins 1` deploys it",
    ]
    assert job.model_version in result.stdout


@pytest.mark.usefixtures("job")
def test_jobs_cancel(command: Command, yard: Yard) -> None:
    result = command("jobs", "cancel", "j")
    assert (result.exit_code, result.stdout) == (0, "trainingJobs/j is cancelling\n")
    assert result.stderr == "`modelyard jobs watch j` follows it to its end\n"
    assert yard.calls["CancelTrainingJob"] == 1


def test_a_job_is_deleted(command: Command, yard: Yard) -> None:
    command(*TRAIN, "--no-wait")
    result = command("jobs", "delete", "job-1")
    assert (result.exit_code, result.stdout) == (0, "trainingJobs/job-1 is deleted\n")
    assert yard.jobs == {}


def test_train_searches(command: Command, yard: Yard) -> None:
    spaces = ["trees=10..500:log", "rate=0.1..1", "class_weight=none,balanced", "depth=3,4.5"]
    options = [part for space in spaces for part in ("--space", space)]
    result = command(*TRAIN, "--no-wait", "--search", "bayesian", "--trials", "9", *options)
    assert result.exit_code == 0, result.stderr
    assert yard.jobs["trainingJobs/job-1"].search == search(
        {
            "trees": IntRange(min=10, max=500, log=True),
            "rate": FloatRange(min=0.1, max=1),
            "class_weight": ["none", "balanced"],
            "depth": [3, 4.5],
        },
        "bayesian",
        max_trials=9,
    )


@pytest.mark.parametrize("space", ["trees", "trees=", "=1..2", "trees=a..b"])
def test_train_refuses_a_space_it_can_not_read(command: Command, space: str) -> None:
    assert command(*TRAIN, "--space", space).exit_code == 2


def test_a_search_needs_a_space(command: Command) -> None:
    assert command(*TRAIN, "--search", "random").exit_code == 2


def test_trials_are_shown(command: Command, yard: Yard) -> None:
    job = TrainingJob(name="trainingJobs/j")
    for number, value in ((1, 0.5), (2, 0.25)):
        trial = job.trials.add(number=number, value=value, best=number == 2)
        trial.settings.update({"trees": 10 * number})
    yard.jobs[job.name] = job
    result = command("jobs", "show", "j")
    assert "2 *" in result.stdout
    assert "trees=20" in result.stdout
