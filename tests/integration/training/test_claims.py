"""Who works at a job, who lost it, and who called it off."""

from datetime import timedelta

import pytest

from registry.transactions import Sessions, begin
from tests.integration.training.jobs_at_hand import (
    LONG,
    OVER,
    add_table,
    claim,
    create,
    empty_queue,
    state_of,
    waiting,
)
from training import claims, jobs
from training.claims import ClaimLost, ClaimTimes
from training.errors import (
    TrainingJobStateInvalid,
)
from training.fitting import FitProgress
from training.states import JobState


@pytest.fixture
async def database(sessions: Sessions) -> Sessions:
    return await add_table(sessions)


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
