import json
from pathlib import Path

import grpc
import pytest

from modelyard import (
    Evaluation,
    Finding,
    ModelyardError,
    OnSuccess,
    PromotionGate,
    TrainingJob,
)
from modelyard.registry.v1.resources_pb2 import Fault
from modelyard.training.v1.training_pb2 import (
    CALIBRATION_SIGMOID,
    Feature,
    FeatureSelection,
    NumericSteps,
)
from tests.unit.client.training_yard import TRAIN, Command, end_jobs, make_yard
from tests.unit.client.yard import Yard


@pytest.fixture
def yard() -> Yard:
    return make_yard()


def test_train_follows_the_job_and_shows_the_version(command: Command, yard: Yard) -> None:
    end_jobs(yard, TrainingJob.STATE_SUCCEEDED, model_version="models/penguins/versions/3")
    result = command(*TRAIN, "--set", "trees=50", "--set", "kind=a=b", "--task", "classification")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines() == [
        "trainingJobs/job-1 trains penguins on datasets/birds/versions/latest",
        "  0 % queued",
        " 40 % fit fold 2 of 5",
    ]
    assert "accuracy" in result.stdout
    assert dict(yard.jobs["trainingJobs/job-1"].settings) == {"trees": 50, "kind": "a=b"}


def test_train_takes_several_targets_and_weights(command: Command, yard: Yard) -> None:
    several = ["train", "m", "--dataset", "d", "--target", "a", "--target", "b", "--no-wait"]
    assert command(*several, "--weight-column", "n").exit_code == 0
    job = yard.jobs["trainingJobs/job-1"]
    assert (job.target, list(job.targets), job.weight_column) == ("", ["a", "b"], "n")
    assert "a, b" in command("jobs", "list").stdout

    weighed = [*TRAIN, "--no-wait", "--class-weight", "x=y=2", "--calibration", "sigmoid"]
    assert command(*weighed).exit_code == 0
    job = yard.jobs["trainingJobs/job-2"]
    assert (job.target, dict(job.class_weights)) == ("species", {"x=y": 2.0})
    assert job.calibration == CALIBRATION_SIGMOID

    wrong = command(*TRAIN, "--class-weight", "much")
    assert wrong.exit_code == 2
    assert "CLASS=WEIGHT" in wrong.stderr


def test_train_takes_features_by_name_and_in_json(command: Command, yard: Yard) -> None:
    binned = '{"column": "mass", "numeric": {"bins": 4, "missingIndicator": true}}'
    given = ("--feature", "island", "--feature", binned, "--select", "importance:20")
    assert command(*TRAIN, "--no-wait", *given).exit_code == 0
    job = yard.jobs["trainingJobs/job-1"]
    assert list(job.features) == [
        Feature(column="island"),
        Feature(column="mass", numeric=NumericSteps(bins=4, missing_indicator=True)),
    ]
    assert job.feature_selection == FeatureSelection(method="importance", max_columns=20)
    assert command(*TRAIN, "--no-wait", "--select", "variance:0.5").exit_code == 0
    chosen = yard.jobs["trainingJobs/job-2"].feature_selection
    assert (chosen.method, chosen.min_variance) == ("variance", 0.5)
    for wrong in (
        ("--feature", '{"column": "mass"'),
        ("--feature", '{"column": "mass", "numeric": {"bin": 4}}'),
        ("--select", "importance:many"),
    ):
        assert command(*TRAIN, *wrong).exit_code == 2


def test_train_tells_how_to_evaluate(command: Command, yard: Yard) -> None:
    result = command(
        *(*TRAIN, "--no-wait", "--split", "time-ordered", "--split-column", "day"),
        *("--folds", "5", "--segment", "island"),
    )
    assert result.exit_code == 0, result.stderr
    assert yard.jobs["trainingJobs/job-1"].evaluation == Evaluation(
        split=Evaluation.SPLIT_TIME_ORDERED, split_column="day", folds=5, segment_column="island"
    )
    assert command(*TRAIN, "--split", "by-magic").exit_code == 2


def test_train_tells_how_to_deploy_what_is_not(command: Command, yard: Yard) -> None:
    end_jobs(yard, TrainingJob.STATE_SUCCEEDED, model_version="models/penguins/versions/1")
    result = command(*TRAIN, "--json")
    assert "`modelyard promote penguins 1` deploys it" in result.stderr
    data = json.loads(result.stdout)
    assert data["training_job"]["state"] == "STATE_SUCCEEDED"
    assert data["model_version"]["name"] == "models/penguins/versions/1"


@pytest.mark.parametrize("fault", [Fault(reason="ONE_CLASS", message="one class only"), None])
def test_a_failed_job_ends_with_one(command: Command, yard: Yard, fault: Fault | None) -> None:
    end_jobs(yard, TrainingJob.STATE_FAILED, fault=fault)
    result = command(*TRAIN)
    assert result.exit_code == 1
    assert result.stdout == "trainingJobs/job-1 made no version\n"
    why = ": one class only (ONE_CLASS)" if fault else ""
    assert result.stderr.splitlines()[-1] == f"error: trainingJobs/job-1 is FAILED{why}"


def test_train_without_waiting(command: Command, yard: Yard) -> None:
    result = command(*TRAIN, "--no-wait")
    assert (result.exit_code, result.stdout) == (0, "trainingJobs/job-1\n")
    assert "`modelyard jobs watch job-1` follows it" in result.stderr
    assert not yard.calls["WatchTrainingJob"]


def test_leaving_a_job_lets_it_go_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("modelyard.client.Client.wait_for_training_job", leave)
    result = command(*TRAIN)
    assert result.exit_code == 130
    assert (
        "trainingJobs/job-1 goes on without you; `modelyard jobs watch job-1` follows it again"
    ) in result.stderr


def test_a_server_that_goes_away_is_told_with_the_way_back(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> None:
        raise ModelyardError("failed to connect to all", code=grpc.StatusCode.UNAVAILABLE)

    monkeypatch.setattr("modelyard.client.Client.wait_for_training_job", lose)
    result = command(*TRAIN)
    assert result.exit_code == 1
    assert "error: no server answers at 127.0.0.1:" in result.stderr
    assert "`modelyard jobs watch job-1` follows it again when the server is back" in result.stderr


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("wine", "datasets/wine/versions/latest"),
        ("datasets/wine", "datasets/wine/versions/latest"),
        ("wine/versions/9", "datasets/wine/versions/9"),
        ("datasets/wine/versions/9", "datasets/wine/versions/9"),
    ],
)
def test_every_form_of_a_dataset_becomes_its_name(
    command: Command, yard: Yard, dataset: str, name: str
) -> None:
    command("train", "m", "--dataset", dataset, "--target", "t", "--no-wait")
    assert yard.jobs["trainingJobs/job-1"].dataset_version == name


def test_bars_are_drawn_on_a_terminal(
    command: Command, yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    (tmp_path / "birds.csv").write_bytes(b"length\n1\n2\n")
    assert "birds.csv" in command("datasets", "upload", "birds", tmp_path / "birds.csv").stderr
    end_jobs(yard, TrainingJob.STATE_SUCCEEDED, model_version="models/penguins/versions/3")
    assert "40%" in command(*TRAIN).stderr


def test_train_checks_a_job_without_training(command: Command, yard: Yard) -> None:
    result = command(*TRAIN, "--check")
    assert (result.exit_code, result.stdout) == (0, "nothing speaks against this job\n")
    yard.findings = [
        Finding(severity=Finding.SEVERITY_ERROR, reason="ONE_CLASS", replacement="rows")
    ]
    result = command(*TRAIN, "--check")
    assert result.exit_code == 1
    assert "ONE_CLASS" in result.stdout
    assert "rows" in result.stdout
    assert not yard.calls["CreateTrainingJob"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--alias", "canary"], OnSuccess(alias="canary")),
        (["--promote-if", "default"], OnSuccess(promote=PromotionGate())),
        (
            ["--promote-if", "rmse:0.5"],
            OnSuccess(promote=PromotionGate(metric="rmse", min_improvement=0.5)),
        ),
    ],
)
def test_train_says_what_becomes_of_the_version(
    command: Command, yard: Yard, options: list[str], expected: OnSuccess
) -> None:
    result = command(*TRAIN, "--no-wait", "--queue", "nightly", *options)
    assert result.exit_code == 0, result.stderr
    job = yard.jobs["trainingJobs/job-1"]
    assert (job.queue, job.on_success) == ("nightly", expected)


@pytest.mark.parametrize(
    "options", [["--promote-if", "a:b"], ["--promote-if", "a", "--alias", "b"]]
)
def test_train_refuses_what_it_can_not_read(command: Command, options: list[str]) -> None:
    assert command(*TRAIN, *options).exit_code == 2
