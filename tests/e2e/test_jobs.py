"""Jobs over the wire: checked, searched, listed, deleted."""

import grpc
import pytest

from modelyard import (
    Client,
    Finding,
    IntRange,
    ModelyardError,
    OnSuccess,
    PromotionGate,
    TrainingJob,
    Trial,
    search,
    training_job,
)


def test_a_search_is_checked_followed_listed_and_deleted(client: Client) -> None:
    wanted = training_job(
        "searched",
        "penguins",
        "species",
        trainer="random-forest",
        labels={"kind": "search"},
        search=search({"trees": IntRange(min=1, max=9)}, "bayesian", max_trials=2),
        on_success=OnSuccess(promote=PromotionGate(metric="accuracy")),
    )
    found = client.validate_training_job(wanted)
    assert Finding.SEVERITY_ERROR not in {it.severity for it in found}
    job = client.create_training_job(wanted)
    assert job.search.max_trials == 2
    seen = [event.trial for event in client.watch_training_job(job) if event.HasField("trial")]
    assert [(it.number, it.state) for it in seen[:4]] == [
        (1, Trial.STATE_RUNNING),
        (1, Trial.STATE_SUCCEEDED),
        (2, Trial.STATE_RUNNING),
        (2, Trial.STATE_SUCCEEDED),
    ]
    done = client.get_training_job(job)
    assert done.state == TrainingJob.STATE_SUCCEEDED, done.fault
    assert [it.number for it in done.trials] == [1, 2]
    assert done.promotion.reason == "FIRST"
    (listed,) = client.list_training_jobs(where="labels.kind = search")
    assert (listed.name, len(listed.trials)) == (done.name, 0)
    client.delete_training_job(done, done.etag)
    assert client.list_training_jobs(where="labels.kind = search") == []
    for lists in (client.list_models, client.list_datasets):
        names = [it.name for it in lists(order_by="create_time")]
        assert [it.name for it in lists(order_by="create_time desc")] == names[::-1] != []
        assert lists(where="labels.nobody = has") == []
    assert client.get_model_version("searched", "1").lineage.training_job == done.name


def test_a_cluster_that_the_server_does_not_have_is_refused(client: Client) -> None:
    wanted = training_job(
        "m",
        "penguins",
        "species",
        trainer="random-forest",
        search=search({"trees": [1, 2]}),
        executor="ray",
    )
    (error,) = [
        it for it in client.validate_training_job(wanted) if it.severity == Finding.SEVERITY_ERROR
    ]
    assert (error.field, error.replacement) == ("training_job.executor", "local")
    assert "modelyard-server[ray]" in error.message
    assert "ray_address" in error.message
    with pytest.raises(ModelyardError) as caught:
        client.create_training_job(wanted)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    wanted.ClearField("search")
    (alone,) = client.validate_training_job(wanted)
    assert alone.field == "training_job.executor"


def test_what_would_fail_is_told_and_then_refused(client: Client) -> None:
    wanted = training_job("m", "penguins", "specie", queue="?", search=search({"x": [1]}))
    errors = [
        it for it in client.validate_training_job(wanted) if it.severity == Finding.SEVERITY_ERROR
    ]
    assert {it.field.removeprefix("training_job.") for it in errors} == {
        "target",
        "queue",
        "trainer",
    }
    (target,) = [it for it in errors if it.field == "training_job.target"]
    assert target.replacement == "species"
    with pytest.raises(ModelyardError) as caught:
        client.create_training_job(wanted)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    wanted.model = "no name"
    (unreadable,) = client.validate_training_job(wanted)
    assert unreadable.field == "training_job.model"
