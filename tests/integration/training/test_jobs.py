"""Jobs in the database: taken, claimed, fenced, ended."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from registry.artifact_store import StoredBytes
from registry.errors import FieldInvalid, ServerDraining
from registry.paging import Page
from registry.reports import Fault
from registry.transactions import Sessions, begin
from training import claims, datasets, jobs
from training.claims import ClaimLost, ClaimTimes
from training.columns import Column, ColumnType, Table, TableFormat
from training.datasets import DatasetDraft
from training.errors import (
    DatasetAlreadyExists,
    DatasetVersionNotFound,
    TrainingJobAlreadyExists,
    TrainingJobNotFound,
    TrainingJobStateInvalid,
)
from training.fitting import FeatureColumn, FitProgress
from training.followers import JobFollowers
from training.job import Job, JobSpec
from training.states import TRANSITIONS, JobState

TABLE = Table(10, (Column("a", ColumnType.FLOAT, 0, 10), Column("y", ColumnType.TEXT, 0, 2)))
LONG, OVER = ClaimTimes(timedelta(minutes=5)), ClaimTimes(timedelta(seconds=-1))


def spec(**changes: Any) -> JobSpec:
    return JobSpec(
        **{"model_id": "m", "dataset_id": "d", "dataset_reference": "1", "target": "y"} | changes
    )


@pytest.fixture
async def database(sessions: Sessions) -> Sessions:
    """A database with a dataset of one table."""
    async with begin(sessions) as session:
        await datasets.create_dataset(session, "d", DatasetDraft())
        await datasets.add_version(session, "d", StoredBytes("ab" * 32, 5), TableFormat.CSV, TABLE)
    return sessions


async def create(database: Sessions, job_id: str = "j", **changes: Any) -> Job:
    async with begin(database) as session:
        return await jobs.create_job(session, job_id, spec(**changes))


async def claim(database: Sessions, times: ClaimTimes = LONG, job_id: str = "j") -> Job | None:
    async with begin(database) as session:
        return await claims.claim_job(session, job_id, times)


async def state_of(database: Sessions, job_id: str = "j") -> JobState:
    async with begin(database) as session:
        return (await jobs.get_job(session, job_id)).state


async def waiting(database: Sessions) -> list[str]:
    async with begin(database) as session:
        query = "select args->>'job_id' from queue.procrastinate_jobs where status = 'todo'"
        return list(await session.scalars(text(query)))


async def empty_queue(session: AsyncSession) -> None:
    await session.execute(text("set local search_path = queue"))
    await session.execute(text("delete from procrastinate_jobs"))
    await session.execute(text("set local search_path to default"))


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


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": "z"}, "training_job.target"),
        ({"features": (FeatureColumn("z"),)}, "training_job.features[0].column"),
        ({"features": (FeatureColumn("y"),)}, "training_job.features[0].column"),
        ({"features": (FeatureColumn("a"),) * 2}, "training_job.features"),
        ({"trainer": "none"}, "training_job.trainer"),
        ({"settings": {"x": 1}}, "training_job.trainer"),
        ({"holdout_fraction": 1.0}, "training_job.holdout_fraction"),
    ],
)
async def test_what_must_fail_is_refused(
    database: Sessions, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        await create(database, **changes)
    assert caught.value.field == field


async def test_a_table_that_failed_is_not_trained_on(database: Sessions) -> None:
    async with begin(database) as session:
        found = Fault("NOT_A_TABLE", "it is none")
        await datasets.add_version(session, "d", StoredBytes("cd" * 32, 5), None, found)
    with pytest.raises(FieldInvalid, match="can't be trained on"):
        await create(database, dataset_reference="2")
    assert (await create(database, dataset_reference="latest")).spec.dataset_reference == "1"


async def test_a_job_has_one_claimant(database: Sessions) -> None:
    await create(database)
    first = await claim(database)
    assert first
    assert (first.attempt, first.state) == (1, JobState.RUNNING)
    assert await claim(database) is None


async def test_who_lost_the_claim_changes_nothing(database: Sessions) -> None:
    await create(database)
    old = await claim(database, OVER)
    new = await claim(database)
    assert old
    assert new
    assert new.attempt == 2
    progress = FitProgress("fit", 50, "half")
    for act in (
        lambda session: claims.keep_claim(session, old, LONG),
        lambda session: claims.record_progress(session, old, progress),
        lambda session: claims.release_job(session, old),
        lambda session: claims.lock_claimed(session, old),
    ):
        with pytest.raises(ClaimLost):
            async with begin(database) as session:
                await act(session)
    async with begin(database) as session:
        await claims.record_progress(session, new, progress)
        assert (await jobs.get_job(session, "j")).progress_percent == 50


async def test_lost_jobs_go_back_into_the_queue_and_held_ones_do_not(database: Sessions) -> None:
    await create(database, "held")
    await create(database, "lost")
    async with begin(database) as session:
        await empty_queue(session)
    await claim(database, LONG, "held")
    await claim(database, OVER, "lost")
    for expected in (["lost"], []):
        async with begin(database) as session:
            assert await claims.requeue_lost(session) == expected
    assert await waiting(database) == ["lost"]


async def test_a_released_job_waits_again(database: Sessions) -> None:
    await create(database)
    job = await claim(database)
    assert job
    async with begin(database) as session:
        await empty_queue(session)
        await claims.release_job(session, job)
    assert await state_of(database) == JobState.QUEUED
    assert await waiting(database) == ["j"]


async def test_a_job_that_is_begun_too_often_fails(database: Sessions) -> None:
    await create(database)
    times = ClaimTimes(timedelta(seconds=-1), most_attempts=2)
    assert await claim(database, times)
    assert await claim(database, times)
    assert await claim(database, times) is None
    async with begin(database) as session:
        job = await jobs.get_job(session, "j")
    assert job.state == JobState.FAILED
    assert job.fault
    assert job.fault.reason == "ATTEMPTS_EXHAUSTED"


async def test_a_waiting_job_is_cancelled_at_once(database: Sessions) -> None:
    await create(database)
    for _ in range(2):
        async with begin(database) as session:
            assert (await jobs.cancel_job(session, "j")).state == JobState.CANCELLED
    assert await claim(database) is None


async def test_a_running_job_is_asked_to_stop(database: Sessions) -> None:
    await create(database)
    job = await claim(database, OVER)
    assert job
    async with begin(database) as session:
        assert (await jobs.cancel_job(session, "j")).state == JobState.CANCELLING
    async with begin(database) as session:
        assert not await claims.keep_claim(session, job, OVER)
    assert await claim(database) is None  # its worker died: whoever finds it ends it
    assert await state_of(database) == JobState.CANCELLED


async def test_an_ended_job_is_not_cancelled(database: Sessions) -> None:
    await create(database)
    job = await claim(database)
    assert job
    async with begin(database) as session:
        row = await claims.lock_claimed(session, job)
        await jobs.end_row(session, row, JobState.FAILED, "over")
    with pytest.raises(TrainingJobStateInvalid):
        async with begin(database) as session:
            await jobs.cancel_job(session, "j")


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
    async with begin(database) as session:
        first = await jobs.list_jobs(session, Page(2, None))
        rest = await jobs.list_jobs(session, Page(2, first[1].place))
    assert [job.job_id for job in first] == ["c", "b", "a"]
    assert [job.job_id for job in rest] == ["a"]


async def test_datasets_are_found_listed_and_unique(database: Sessions) -> None:
    with pytest.raises(DatasetAlreadyExists):
        async with begin(database) as session:
            await datasets.create_dataset(session, "d", DatasetDraft())
    async with begin(database) as session:
        found = await datasets.list_datasets(session, Page(5, None))
        none = await datasets.list_datasets(session, Page(5, "d"))
        versions = await datasets.list_versions(session, "d", Page(5, None))
        older = await datasets.list_versions(session, "d", Page(5, "1"))
    assert [dataset.dataset_id for dataset in found] == ["d"]
    assert (none, older) == ([], [])
    assert versions[0].table == TABLE


def test_final_states_have_no_way_out() -> None:
    final = {state for state in JobState if state.final}
    assert final == {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
    assert set(TRANSITIONS) == set(JobState)
