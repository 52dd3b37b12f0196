"""Jobs before they begin and after they end: checked, bounded, queued, deleted."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from registry.artifact_store import StoredBytes
from registry.errors import EtagMismatch, FieldInvalid
from registry.reports import Fault
from registry.transactions import Sessions, begin
from training import claims, datasets, jobs
from training.claims import ClaimTimes
from training.columns import Column, ColumnType, Table, TableFormat
from training.datasets import DatasetDraft
from training.errors import TrainingJobNotFound, TrainingJobStateInvalid
from training.feature_steps import FeatureColumn
from training.findings import Finding, Severity
from training.fitting import FitProgress, Level
from training.job import JobBounds, JobSpec
from training.promotion import Gate, OnSuccess
from training.search.spec import DomainKind, Method, Parameter, SearchSpec
from training.states import JobState

TABLE = Table(
    100,
    (
        Column("a", ColumnType.FLOAT, 0, 100, 0.0, 1.0),
        Column("y", ColumnType.TEXT, 3, 2),
        Column("when", ColumnType.TIME, 0, 100),
        Column("one", ColumnType.TEXT, 0, 1),
    ),
)
BOUNDS = JobBounds(memory_mb=1000, seconds=60, max_attempts=3)


@pytest.fixture
async def database(sessions: Sessions) -> Sessions:
    """A database with a dataset of one table."""
    async with begin(sessions) as session:
        await datasets.create_dataset(session, "d", DatasetDraft())
        await datasets.add_version(session, "d", StoredBytes("ab" * 32, 5), TableFormat.CSV, TABLE)
    return sessions


def spec(**changes: Any) -> JobSpec:
    return JobSpec(
        **{"model_id": "m", "dataset_id": "d", "dataset_reference": "1", "target": "y"} | changes
    )


async def findings(database: Sessions, **changes: Any) -> list[Finding]:
    async with begin(database) as session:
        return await jobs.validate_job(session, spec(**changes), BOUNDS)


FOREST = SearchSpec(Method.RANDOM, (Parameter("trees", DomainKind.INT, 1, 9),))


async def test_an_executor_is_refused_where_it_is_not_to_be_had(database: Sessions) -> None:
    async def ask(executor: str, **bounds: int) -> list[tuple[str, str]]:
        wanted = spec(trainer="random-forest", search=replace(FOREST, executor=executor))
        async with begin(database) as session:
            found = await jobs.validate_job(session, wanted, replace(BOUNDS, **bounds))
        return [(it.reason, it.message) for it in found if it.field == "training_job.executor"]

    assert await ask("local") == await ask("ray", ray_table_mb=1) == []
    ((reason, message),) = await ask("ray")
    assert reason == "EXECUTOR_UNAVAILABLE"
    assert "modelyard-server[ray]" in message
    assert "ray_address" in message
    ((reason, message),) = await ask("dask", ray_table_mb=1)
    assert (reason, message) == (
        "FIELD_INVALID",
        "there is no executor 'dask'; there are local and ray",
    )


async def test_a_table_that_is_too_large_for_the_cluster_is_refused(database: Sessions) -> None:
    async with begin(database) as session:
        stored = StoredBytes("cd" * 32, 2 << 20)
        await datasets.add_version(session, "d", stored, TableFormat.CSV, TABLE)
    wanted = spec(
        dataset_reference="2",
        trainer="random-forest",
        search=replace(FOREST, executor="ray"),
    )
    async with begin(database) as session:
        with pytest.raises(FieldInvalid, match="2 MiB; at most 1") as refused:
            await jobs.create_job(session, "j", wanted, replace(BOUNDS, ray_table_mb=1))
    assert refused.value.field == "training_job.executor"


async def errors(database: Sessions, **changes: Any) -> set[tuple[str, str]]:
    found = await findings(database, **changes)
    return {
        (it.field.removeprefix("training_job."), it.reason)
        for it in found
        if it.severity == Severity.ERROR
    }


async def test_a_good_job_has_no_error_and_tells_what_is_left_out(database: Sessions) -> None:
    found = await findings(database)
    assert {it.severity for it in found} == {Severity.WARNING, Severity.INFO}
    assert {it.reason for it in found} == {"COLUMN_LEFT_OUT", "TARGET_MISSING", "TASK_INFERRED"}


async def test_everything_that_is_wrong_is_told_at_once(database: Sessions) -> None:
    found = await errors(
        database,
        trainer="random-forest",
        settings={"trees": 0, "bark": 1, "max_depth": 3},
        features=(FeatureColumn("b"), FeatureColumn("y")),
        holdout_fraction=2.0,
        queue="No",
        priority=1000,
        memory_mb=1001,
        seconds=61.0,
        max_attempts=4,
        labels={"": ""},
        on_success=OnSuccess(gate=Gate("beauty", -1.0)),
    )
    assert found == {
        ("settings.trees", "FIELD_INVALID"),
        ("settings.bark", "FIELD_INVALID"),
        ("features[0].column", "FEATURE_INVALID"),
        ("features[1].column", "FEATURE_INVALID"),
        ("holdout_fraction", "HOLDOUT_INVALID"),
        ("queue", "FIELD_INVALID"),
        ("priority", "FIELD_INVALID"),
        ("limits.memory_mb", "OVER_BOUND"),
        ("limits.time", "OVER_BOUND"),
        ("max_attempts", "OVER_BOUND"),
        ("labels", "FIELD_INVALID"),
        ("on_success.promote.metric", "METRIC_UNKNOWN"),
        ("on_success.promote.min_improvement", "FIELD_INVALID"),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"target": "z"}, ("target", "TARGET_NOT_FOUND")),
        ({"target": "when"}, ("target", "TARGET_NOT_NUMERIC")),
        ({"target": "one"}, ("target", "ONE_CLASS")),
        ({"trainer": "linear-regression"}, ("trainer", "FIELD_INVALID")),
        ({"trainer": "forest"}, ("trainer", "FIELD_INVALID")),
        ({"dataset_reference": "2"}, ("dataset_version", "DATASET_NOT_FOUND")),
        ({"on_success": OnSuccess(alias="latest")}, ("on_success.alias", "FIELD_INVALID")),
    ],
)
async def test_what_would_fail_is_told(
    database: Sessions, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in await errors(database, **changes)


async def test_a_finding_says_what_to_write_instead(database: Sessions) -> None:
    for changes, replacement in (
        ({"target": "wen"}, "when"),
        ({"trainer": "random-forrest"}, "random-forest"),
        ({"memory_mb": 5000}, "1000"),
    ):
        (error,) = [
            it for it in await findings(database, **changes) if it.severity == Severity.ERROR
        ]
        assert error.replacement == replacement


async def test_bounds_are_filled_in_and_can_not_be_passed(database: Sessions) -> None:
    async with begin(database) as session:
        job = await jobs.create_job(session, "j", spec(seconds=5.0), BOUNDS)
    assert (job.spec.memory_mb, job.spec.seconds, job.spec.max_attempts) == (1000, 5.0, 3)
    with pytest.raises(FieldInvalid) as caught:
        async with begin(database) as session:
            await jobs.create_job(session, "k", spec(seconds=61.0), BOUNDS)
    assert caught.value.field == "training_job.limits.time"


async def test_a_job_waits_in_its_queue_with_its_priority(database: Sessions) -> None:
    query = "select queue_name, priority from queue.procrastinate_jobs where queueing_lock = 'j'"
    async with begin(database) as session:
        await jobs.create_job(session, "j", spec(queue="nightly", priority=7))
        assert (await session.execute(text(query))).all() == [("nightly", 7)]
    async with begin(database) as session:
        await session.execute(text("set local search_path = queue"))
        await session.execute(text("delete from procrastinate_jobs"))
        await session.execute(text("set local search_path to default"))
        assert await claims.requeue_lost(session) == ["j"]
        assert (await session.execute(text(query))).all() == [("nightly", 7)]


async def test_a_job_is_deleted_after_its_end_and_not_before(database: Sessions) -> None:
    async with begin(database) as session:
        job = await jobs.create_job(session, "j", spec())
    with pytest.raises(TrainingJobStateInvalid):
        async with begin(database) as session:
            await jobs.delete_job(session, "j")
    async with begin(database) as session:
        ended = await jobs.cancel_job(session, "j")
    with pytest.raises(EtagMismatch):
        async with begin(database) as session:
            await jobs.delete_job(session, "j", job.etag)
    async with begin(database) as session:
        await jobs.delete_job(session, "j", ended.etag)
    async with begin(database) as session:
        assert await claims.claim_job(session, "j", ClaimTimes()) is None
        with pytest.raises(TrainingJobNotFound):
            await jobs.get_job(session, "j")


async def test_a_job_is_begun_again_as_often_as_it_may(database: Sessions) -> None:
    times, killed = ClaimTimes(), Fault("KILLED", "it was killed")
    async with begin(database) as session:
        await jobs.create_job(session, "j", spec(max_attempts=2), BOUNDS)
    for attempt, state in ((1, JobState.QUEUED), (2, JobState.FAILED)):
        async with begin(database) as session:
            claimed = await claims.claim_job(session, "j", times)
            assert claimed
            assert claimed.attempt == attempt
            await claims.retry_job(session, claimed, killed, times)
        async with begin(database) as session:
            job = await jobs.get_job(session, "j")
            assert job.state == state
    assert job.fault == killed


async def test_lines_of_libraries_are_kept_and_change_no_progress(database: Sessions) -> None:
    async with begin(database) as session:
        await jobs.create_job(session, "j", spec())
        claimed = await claims.claim_job(session, "j", ClaimTimes())
        assert claimed
        await claims.record_progress(session, claimed, FitProgress("fit", 50, "half"))
        await claims.record_line(session, claimed, "the solver says hello")
        *_, last = await jobs.list_events(session, "j", 0, 10)
    assert (last.stage, last.progress_percent, last.level) == ("fit", 50, Level.DEBUG)
    assert last.message == "the solver says hello"


async def test_a_job_that_was_called_off_is_not_begun_again(database: Sessions) -> None:
    times = ClaimTimes()
    async with begin(database) as session:
        await jobs.create_job(session, "j", spec())
        claimed = await claims.claim_job(session, "j", times)
        assert claimed
        await jobs.cancel_job(session, "j")
        await claims.retry_job(session, claimed, Fault("KILLED", "it was killed"), times)
        assert (await jobs.get_job(session, "j")).state == JobState.CANCELLED


def searching(*space: Parameter, **changes: Any) -> dict[str, Any]:
    return {"trainer": "random-forest", "search": SearchSpec(Method.RANDOM, space, **changes)}


TREES = Parameter("trees", DomainKind.INT, 1, 10)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (searching(TREES), set()),
        (searching(), {"space"}),
        (searching(TREES, TREES), {"space"}),
        (searching(replace(TREES, setting="leaves")), {"space[0]"}),
        (searching(replace(TREES, low=0)), {"space[0]"}),
        (searching(replace(TREES, kind=DomainKind.FLOAT)), {"space[0]"}),
        (searching(replace(TREES, low=11)), {"space[0]"}),
        (searching(replace(TREES, kind=DomainKind.CHOICE, choices=(5, "x"))), {"space[0]"}),
        (searching(TREES) | {"settings": {"trees": 5}}, {"space[0]"}),
        (searching(TREES, max_trials=0, folds=1, patience=-1), {"max_trials", "folds", "patience"}),
        (searching(TREES, metric="rmse"), {"metric"}),
        (searching(TREES, resource="trees"), {"resource"}),
        (searching(TREES, max_seconds=1e9) | {"seconds": 5.0}, {"max_time"}),
    ],
)
async def test_a_search_is_checked_before_it_begins(
    database: Sessions, changes: dict[str, Any], expected: set[str]
) -> None:
    found = {field for field, _ in await errors(database, **changes)}
    assert found == {f"search.{field}" for field in expected}


async def test_a_search_needs_a_trainer(database: Sessions) -> None:
    changes = searching(TREES) | {"trainer": ""}
    assert await errors(database, **changes) == {("trainer", "FIELD_INVALID")}
