"""Changes of datasets, and their end.

A deletion is final for callers, and the id is free again. Inside, the rows stay marked, as
jobs that have ended refer to them; the files go when nothing else needs them.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from registry.errors import EtagMismatch
from registry.models import check_texts
from training.datasets import Dataset, DatasetDraft, dataset_of_row, get_row
from training.errors import DatasetInUse, DatasetNotEmpty, DatasetVersionNotFound
from training.states import JobState
from training.tables import DatasetRow, DatasetVersionRow, JobRow

_OPEN = [state for state in JobState if not state.final]


@dataclass(frozen=True, slots=True)
class DatasetChange:
    """What shall become of a dataset.

    Attributes:
        dataset_id: The dataset.
        etag: What the caller saw; empty changes whatever is there.
        draft: The new values.
        fields: Which of the draft's fields to take.
    """

    dataset_id: str
    etag: str
    draft: DatasetDraft
    fields: frozenset[str]


async def update_dataset(session: AsyncSession, change: DatasetChange) -> Dataset:
    """Change a dataset: compare, then set.

    Raises:
        FieldInvalid: The draft is not legal.
        DatasetNotFound: There is no such dataset.
        EtagMismatch: The dataset is not what the caller saw.
    """
    draft = change.draft
    check_texts(draft.display_name, draft.description, draft.labels, "dataset")
    row = await get_row(session, change.dataset_id, for_update=True)
    _compare(row, change.etag, "dataset.etag")
    for name in change.fields:
        setattr(row, name, getattr(draft, name))
    row.revision += 1
    await session.flush()
    return dataset_of_row(row)


async def delete_dataset(session: AsyncSession, dataset_id: str, etag: str, *, force: bool) -> None:
    """Delete a dataset.

    Args:
        session: The transaction.
        dataset_id: The dataset.
        etag: What the caller saw; empty deletes whatever is there.
        force: Whether to delete its versions with it.

    Raises:
        DatasetNotFound: There is no such dataset.
        EtagMismatch: The dataset is not what the caller saw.
        DatasetNotEmpty: It has versions, and they were not to be deleted.
        DatasetInUse: An open job uses one of them.
    """
    row = await get_row(session, dataset_id, for_update=True)
    _compare(row, etag, "etag")
    versions = await _lock_versions(session, row)
    if versions and not force:
        raise DatasetNotEmpty(
            f"the dataset {dataset_id!r} has {len(versions)} versions; delete them first, or use"
            " force",
            field="force",
            details={"dataset": dataset_id, "versions": str(len(versions))},
        )
    for version in versions:
        await _delete(session, row, version)
    row.delete_time = await session.scalar(select(func.now()))


async def delete_version(session: AsyncSession, dataset_id: str, number: int) -> None:
    """Delete a table. Its number is not used again.

    Raises:
        DatasetNotFound, DatasetVersionNotFound: There is none.
        DatasetInUse: An open job uses it.
    """
    row = await get_row(session, dataset_id, for_update=True)
    for version in await _lock_versions(session, row, number):
        return await _delete(session, row, version)
    raise DatasetVersionNotFound(
        f"the dataset {dataset_id!r} has no version {number}",
        details={"dataset": dataset_id, "version": str(number)},
    )


async def _lock_versions(
    session: AsyncSession, dataset: DatasetRow, number: int | None = None
) -> list[DatasetVersionRow]:
    """Lock versions against jobs that are being made, which lock what they will refer to."""
    query = select(DatasetVersionRow).where(
        DatasetVersionRow.dataset_row == dataset.id, DatasetVersionRow.delete_time.is_(None)
    )
    if number is not None:
        query = query.where(DatasetVersionRow.number == number)
    found = await session.scalars(query.order_by(DatasetVersionRow.number).with_for_update())
    return list(found)


async def _delete(session: AsyncSession, dataset: DatasetRow, version: DatasetVersionRow) -> None:
    jobs = select(JobRow.job_id).where(
        JobRow.dataset_version_row == version.id, JobRow.state.in_(_OPEN)
    )
    if job_id := await session.scalar(jobs.limit(1)):
        raise DatasetInUse(
            f"version {version.number} of the dataset {dataset.dataset_id!r} is used by the"
            f" training job {job_id!r}; cancel it, or wait for its end",
            details={
                "dataset": dataset.dataset_id,
                "version": str(version.number),
                "training_job": job_id,
            },
        )
    version.delete_time = await session.scalar(select(func.now()))
    version.columns, version.warnings, version.preview = (), (), ()


def _compare(row: DatasetRow, etag: str, field: str) -> None:
    if etag and etag != dataset_of_row(row).etag:
        raise EtagMismatch(
            f"the dataset {row.dataset_id!r} was changed since you read it; read it again, then"
            " decide",
            field=field,
            details={"dataset": row.dataset_id},
        )
