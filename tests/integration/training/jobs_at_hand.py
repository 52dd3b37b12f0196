"""A dataset of one table, and what is done with jobs on it, for tests of jobs."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from registry.artifact_store import StoredBytes
from registry.transactions import Sessions, begin
from training import claims, datasets, jobs
from training.claims import ClaimTimes
from training.columns import Column, ColumnType, Table, TableFormat
from training.datasets import DatasetDraft
from training.job import Job, JobSpec
from training.states import JobState

TABLE = Table(
    10,
    (
        Column("a", ColumnType.FLOAT, 0, 10),
        Column("y", ColumnType.TEXT, 0, 2),
        Column("t", ColumnType.TEXT, 0, 2),
        Column("w", ColumnType.FLOAT, 0, 10, minimum=-1.0, maximum=1.0),
    ),
)
LONG, OVER = ClaimTimes(timedelta(minutes=5)), ClaimTimes(timedelta(seconds=-1))


def spec(**changes: Any) -> JobSpec:
    return JobSpec(
        **{"model_id": "m", "dataset_id": "d", "dataset_reference": "1", "target": "y"} | changes
    )


async def add_table(sessions: Sessions) -> Sessions:
    """Add the dataset `d` of one table."""
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
