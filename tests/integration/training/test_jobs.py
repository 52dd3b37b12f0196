"""Jobs in the database: taken, claimed, fenced, ended."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from registry.artifact_store import StoredBytes
from registry.errors import FieldInvalid, ServerDraining
from registry.list_filters import read_selection
from registry.paging import Page
from registry.reports import Fault
from registry.signature import Role, Task
from registry.transactions import Sessions, begin
from tests.integration.training.jobs_at_hand import (
    add_table,
    claim,
    create,
    spec,
    state_of,
    waiting,
)
from training import claims, datasets, jobs
from training.catalog import trainers
from training.columns import Column, ColumnType, Table, TableFormat
from training.dataset_filters import DATASETS, TABLES
from training.datasets import DatasetDraft
from training.errors import (
    DatasetAlreadyExists,
    DatasetVersionNotFound,
    StepNotExportable,
    TrainerNotInstalled,
    TrainingJobAlreadyExists,
    TrainingJobNotFound,
)
from training.feature_steps import (
    CategoricalSteps,
    FeatureColumn,
    FeatureSelection,
    NumericSteps,
)
from training.fitting import FitProgress
from training.followers import JobFollowers
from training.job_filters import JOBS, place_of
from training.learning import Calibration, Learning
from training.states import TRANSITIONS, JobState


@pytest.fixture
async def database(sessions: Sessions) -> Sessions:
    return await add_table(sessions)


async def test_a_job_and_its_queue_entry_are_made_together_or_not_at_all(
    database: Sessions,
) -> None:
    async with begin(database, validate_only=True) as session:
        await jobs.create_job(session, "j", spec())
    assert await waiting(database) == []
    with pytest.raises(TrainingJobNotFound):
        await state_of(database)
    job = await create(database)
    assert (job.state, job.spec.dataset_reference) == (JobState.QUEUED, "1")
    assert await waiting(database) == ["j"]


async def test_latest_becomes_the_number(database: Sessions) -> None:
    assert (await create(database, dataset_reference="latest")).spec.dataset_reference == "1"
    with pytest.raises(DatasetVersionNotFound):
        await create(database, "k", dataset_reference="2")


async def test_of_ten_at_once_one_gets_the_id(database: Sessions) -> None:
    async def created() -> bool:
        try:
            await create(database)
        except TrainingJobAlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*[created() for _ in range(10)])) == 1


async def test_a_follower_is_told_when_the_server_stops(database: Sessions) -> None:
    await create(database)
    followers = JobFollowers(database)
    events = followers.follow("j", 0)
    assert (await anext(events)).sequence == 1
    followers.close()
    with pytest.raises(ServerDraining):
        await anext(events)


async def test_ids_are_unique_and_chosen_for_those_who_do_not(database: Sessions) -> None:
    await create(database)
    with pytest.raises(TrainingJobAlreadyExists):
        await create(database)
    assert (await create(database, "")).job_id.startswith("job-")


async def test_declared_features_are_kept(database: Sessions) -> None:
    features = (FeatureColumn("a", numeric=NumericSteps(clip_maximum=2.5, bins=4)),)
    selection = FeatureSelection("importance", 3)
    await create(database, features=features, feature_selection=selection)
    async with begin(database) as session:
        kept = (await jobs.get_job(session, "j")).spec
        assert (kept.features, kept.feature_selection) == (features, selection)
        # As jobs were kept before features had declarations.
        old = """update training_jobs set features = '[{"column": "a", "role": "numeric"}]'"""
        await session.execute(text(old))
        session.expire_all()
        kept = (await jobs.get_job(session, "j")).spec
    assert (kept.features, kept.feature_selection) == ((FeatureColumn("a", Role.NUMERIC),), None)


async def test_a_step_without_a_graph_makes_no_job(database: Sessions) -> None:
    features = (FeatureColumn("a", numeric=NumericSteps(impute="knn")),)
    with pytest.raises(StepNotExportable, match="median"):
        await create(database, features=features)
    assert await waiting(database) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "z"}, "training_job.target"),
        ({"features": (FeatureColumn("z"),)}, "training_job.features[0].column"),
        ({"features": (FeatureColumn("y"),)}, "training_job.features[0].column"),
        ({"features": (FeatureColumn("a"),) * 2}, "training_job.features"),
        (
            {"features": (FeatureColumn("a", categorical=CategoricalSteps()),)},
            "training_job.features[0]",
        ),
        (
            {"feature_selection": FeatureSelection("importance")},
            "training_job.feature_selection.max_columns",
        ),
        ({"trainer": "none"}, "training_job.trainer"),
        ({"settings": {"x": 1}}, "training_job.trainer"),
        ({"holdout_fraction": 1.0}, "training_job.holdout_fraction"),
        ({"trainer": "linear-regression"}, "training_job.trainer"),
        ({"task": Task.MULTILABEL_CLASSIFICATION}, "training_job.targets"),
        ({"learning": Learning(("y", "z"))}, "training_job.targets[1]"),
        ({"learning": Learning(("y", "y"))}, "training_job.targets"),
        ({"learning": Learning(("y", "a")), "task": Task.CLASSIFICATION}, "training_job.task"),
        ({"learning": Learning(weight_column="y")}, "training_job.weight_column"),
        ({"learning": Learning(weight_column="w")}, "training_job.weight_column"),
        ({"learning": Learning(weight_column="t"), "target": "a"}, "training_job.weight_column"),
        (
            {"learning": Learning(weight_column="a"), "features": (FeatureColumn("a"),)},
            "training_job.features[0].column",
        ),
        ({"learning": Learning(class_weights={"x": -1.0})}, "training_job.class_weights"),
        (
            {"learning": Learning(class_weights={"x": 2.0}), "target": "a"},
            "training_job.class_weights",
        ),
        (
            {"learning": Learning(calibration=Calibration.SIGMOID), "target": "a"},
            "training_job.calibration",
        ),
        ({"learning": Learning(parity_tolerance=0.5)}, "training_job.parity_tolerance"),
        ({"learning": Learning(parity_tolerance=-1.0)}, "training_job.parity_tolerance"),
    ],
)
async def test_what_must_fail_is_refused(
    database: Sessions, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        await create(database, **changes)
    assert caught.value.field == field


async def test_more_rows_than_a_trainer_learns_from_are_refused_before_there_is_a_job(
    sessions: Sessions,
) -> None:
    # 5,000 have no target, and a fifth of the others is held out.
    large = Table(30_002, (Column("y", ColumnType.TEXT, 5_000, 2),))
    async with begin(sessions) as session:
        await datasets.create_dataset(session, "d", DatasetDraft())
        stored = StoredBytes("ab" * 32, 5)
        await datasets.add_version(session, "d", stored, TableFormat.CSV, large)
    with pytest.raises(FieldInvalid, match="at most 20000 rows, and these are 20001") as caught:
        await create(sessions, trainer="k-nearest-neighbors", holdout_fraction=0.2)
    assert caught.value.field == "training_job.trainer"
    await create(sessions, trainer="k-nearest-neighbors", holdout_fraction=0.2001)


async def test_a_trainer_that_is_not_installed_is_refused(
    database: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainers, "find_spec", lambda _: None)
    with pytest.raises(TrainerNotInstalled, match="xgboost"):
        await create(database, trainer="xgboost")


async def test_how_targets_are_learned_is_kept(database: Sessions) -> None:
    learning = Learning(("a", "w"), parity_tolerance=1e-4)
    await create(database, target="a", learning=learning)
    async with begin(database) as session:
        assert (await jobs.get_job(session, "j")).spec.learning == learning


async def test_a_table_that_failed_is_not_trained_on(database: Sessions) -> None:
    async with begin(database) as session:
        found = Fault("NOT_A_TABLE", "it is none")
        await datasets.add_version(session, "d", StoredBytes("cd" * 32, 5), None, found)
    with pytest.raises(FieldInvalid, match="can't be trained on"):
        await create(database, dataset_reference="2")
    assert (await create(database, dataset_reference="latest")).spec.dataset_reference == "1"


async def test_events_tell_the_story_in_order(database: Sessions) -> None:
    await create(database)
    job = await claim(database)
    assert job
    async with begin(database) as session:
        await claims.record_progress(session, job, FitProgress("fit", 50, "half"))
        await claims.record_progress(session, job, FitProgress("fit", 40, "never falls"))
    async with begin(database) as session:
        events = await jobs.list_events(session, "j", 0, 10)
        rest = await jobs.list_events(session, "j", events[1].sequence, 10)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert [event.progress_percent for event in events] == [0, 0, 50, 50]
    assert rest == events[2:]


async def test_jobs_are_listed_newest_first(database: Sessions) -> None:
    for job_id in ("a", "b", "c"):
        await create(database, job_id)
    by_time = read_selection(JOBS, "", "")
    async with begin(database) as session:
        first = await jobs.list_jobs(session, Page(2, None), by_time)
        rest = await jobs.list_jobs(session, Page(2, place_of(first[1], by_time.order)), by_time)
    assert [job.job_id for job in first] == ["c", "b", "a"]
    assert [job.job_id for job in rest] == ["a"]


async def test_datasets_are_found_listed_and_unique(database: Sessions) -> None:
    with pytest.raises(DatasetAlreadyExists):
        async with begin(database) as session:
            await datasets.create_dataset(session, "d", DatasetDraft())
    by_id, by_number = (read_selection(rules, "", "") for rules in (DATASETS, TABLES))
    async with begin(database) as session:
        found = await datasets.list_datasets(session, Page(5, None), by_id)
        none = await datasets.list_datasets(session, Page(5, "d"), by_id)
        versions = await datasets.list_versions(session, "d", Page(5, None), by_number)
        older = await datasets.list_versions(session, "d", Page(5, "1"), by_number)
    assert [dataset.dataset_id for dataset in found] == ["d"]
    assert (none, older) == ([], [])
    assert (versions[0].table.row_count, versions[0].table.columns) == (10, ())


def test_final_states_have_no_way_out() -> None:
    final = {state for state in JobState if state.final}
    assert final == {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    assert set(TRANSITIONS) == set(JobState)
