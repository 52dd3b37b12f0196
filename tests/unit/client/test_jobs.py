from datetime import timedelta

import grpc
import pytest

import modelyard.jobs
from modelyard import (
    AsyncClient,
    Client,
    DatasetVersion,
    Finding,
    ModelyardError,
    OnSuccess,
    PromotionGate,
    TrainingEvent,
    TrainingJob,
    training_job,
)
from modelyard.registry.v1.resources_pb2 import (
    TASK_CLASSIFICATION,
    TASK_MULTILABEL_CLASSIFICATION,
    TensorSpec,
)
from modelyard.training.v1.training_pb2 import (
    CALIBRATION_ISOTONIC,
    CreateTrainingJobRequest,
    DeleteTrainingJobRequest,
    Feature,
    ValidateTrainingJobRequest,
    WatchTrainingJobRequest,
)
from tests.unit.client.yard import Yard, failing


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The failures that a pause was asked for; no pause takes time."""
    seen: list[int] = []

    def pause(failures: int) -> float:
        seen.append(failures)
        return 0

    monkeypatch.setattr(modelyard.jobs, "pause_seconds", pause)
    return seen


def events(*sequences: int | None) -> list[TrainingEvent | None]:
    return [None if it is None else TrainingEvent(sequence=it) for it in sequences]


async def watched(client: AsyncClient) -> list[int]:
    return [event.sequence async for event in client.watch_training_job("job-1")]


async def test_train_of_several_targets_sends_how_they_are_learned(client: AsyncClient) -> None:
    job = await client.train(
        "penguins",
        "birds",
        ["tall", "old"],
        task="multilabel_classification",
        weight_column="count",
        class_weights={"yes": 2},
        calibration="isotonic",
        parity_tolerance=1e-4,
    )
    assert (job.target, list(job.targets)) == ("", ["tall", "old"])
    assert job.task == TASK_MULTILABEL_CLASSIFICATION
    assert job.weight_column == "count"
    assert dict(job.class_weights) == {"yes": 2}
    assert job.calibration == CALIBRATION_ISOTONIC
    assert job.parity_tolerance == 1e-4


async def test_train_sends_every_setting(client: AsyncClient, yard: Yard) -> None:
    job = await client.train(
        "penguins",
        "birds",
        "species",
        task="classification",
        trainer="random-forest",
        settings={"trees": 50},
        features=["island", Feature(column="year", role=TensorSpec.ROLE_CATEGORICAL)],
        holdout_fraction=0.25,
        seed=7,
        labels={"team": "sea"},
    )

    assert job.name == "trainingJobs/job-1"
    assert (job.model, job.target) == ("models/penguins", "species")
    assert job.dataset_version == "datasets/birds/versions/latest"
    assert (job.task, job.trainer) == (TASK_CLASSIFICATION, "random-forest")
    assert dict(job.settings) == {"trees": 50}
    assert [it.column for it in job.features] == ["island", "year"]
    assert (job.holdout_fraction, job.seed, job.labels["team"]) == (0.25, 7, "sea")
    (request,) = yard.asked(CreateTrainingJobRequest)
    assert request.request_id


async def test_train_on_one_version_and_all_defaults(client: AsyncClient) -> None:
    table = DatasetVersion(name="datasets/birds/versions/4")
    assert (await client.train("m", table, "t")).dataset_version == table.name
    assert not (await client.train("m", table.name, "t")).HasField("settings")


async def test_a_train_call_is_repeated_with_its_request_id(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["CreateTrainingJob"] = [failing(grpc.StatusCode.UNAVAILABLE)]
    await client.train("m", "d", "t")
    first, second = yard.asked(CreateTrainingJobRequest)
    assert first.request_id == second.request_id


async def test_watch_yields_every_event_once_over_broken_streams(
    client: AsyncClient, yard: Yard, pauses: list[int]
) -> None:
    yard.events = events(1, 2, None, 3, None, None, 4)
    assert await watched(client) == [1, 2, 3, 4]
    assert [it.after_sequence for it in yard.asked(WatchTrainingJobRequest)] == [0, 2, 3, 3]
    # An event sets the count of failures back.
    assert pauses == [1, 1, 2]


async def test_watch_gives_up_after_failures_in_a_row(
    client: AsyncClient, yard: Yard, pauses: list[int]
) -> None:
    yard.events = events(1, *[None] * modelyard.jobs.WATCH_ATTEMPTS, 2)
    with pytest.raises(ModelyardError, match="the server is stopping") as caught:
        await watched(client)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert pauses == list(range(1, modelyard.jobs.WATCH_ATTEMPTS))


async def test_watch_does_not_repeat_what_can_not_help(client: AsyncClient, yard: Yard) -> None:
    yard.before["WatchTrainingJob"] = [failing(grpc.StatusCode.NOT_FOUND, "no such job")]
    with pytest.raises(ModelyardError, match="no such job"):
        await watched(client)
    assert yard.calls["WatchTrainingJob"] == 1


def test_leaving_a_watch_early_ends_its_call(target: str, yard: Yard) -> None:
    yard.events = events(*range(1, 100_000))
    with Client(target) as client:
        for event in client.watch_training_job("job-1", after_sequence=5):
            assert event.sequence == 6
            break
        assert client.ready()


async def test_wait_tells_events_and_returns_the_job(client: AsyncClient, yard: Yard) -> None:
    job = await client.train("m", "d", "t")
    yard.events = events(1, None, 2)
    told: list[int] = []
    ended = await client.wait_for_training_job(job, lambda event: told.append(event.sequence))
    assert ended == yard.jobs[job.name]
    assert told == [1, 2]
    assert await client.wait_for_training_job("trainingJobs/job-1") == ended


async def test_jobs_and_trainers_can_be_found_and_jobs_cancelled(client: AsyncClient) -> None:
    jobs = [await client.train("m", "d", "t") for _ in range(3)]
    assert await client.list_training_jobs() == jobs
    assert await client.get_training_job("job-2") == jobs[1]
    assert (await client.cancel_training_job(jobs[0])).state == TrainingJob.STATE_CANCELLING
    assert [it.id for it in await client.list_trainers()] == ["random-forest"]
    trainer = await client.get_trainer("svm")
    assert (trainer.name, trainer.id) == ("trainers/svm", "svm")
    assert await client.get_trainer(trainer) == trainer


async def test_a_job_is_checked_and_deleted(client: AsyncClient, yard: Yard) -> None:
    gate = OnSuccess(promote=PromotionGate(metric="rmse", min_improvement=0.5))
    wanted = training_job(
        "m",
        "d",
        "y",
        queue="nightly",
        priority=3,
        memory_mb=64,
        time=timedelta(seconds=90),
        max_attempts=2,
        on_success=gate,
    )
    yard.findings = [Finding(field="training_job.target", reason="TARGET_NOT_FOUND")]
    assert await client.validate_training_job(wanted) == yard.findings
    (asked,) = yard.asked(ValidateTrainingJobRequest)
    assert (asked.training_job.queue, asked.training_job.priority) == ("nightly", 3)
    assert asked.training_job.limits.time.seconds == 90
    assert asked.training_job.on_success == gate
    job = await client.create_training_job(wanted, "mine")
    assert yard.asked(CreateTrainingJobRequest)[0].training_job_id == "mine"
    await client.delete_training_job(job, "seen")
    assert yard.jobs == {}
    assert yard.asked(DeleteTrainingJobRequest)[0].etag == "seen"
