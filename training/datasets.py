"""Datasets: named lines of tables."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from registry.artifact_store import StoredBytes
from registry.models import ModelDraft, check_texts
from registry.names import LATEST, check_id
from registry.paging import Page
from registry.reports import Fault
from training.columns import Table, TableFormat
from training.errors import DatasetAlreadyExists, DatasetNotFound, DatasetVersionNotFound
from training.states import DatasetState
from training.tables import DatasetRow, DatasetVersionRow

DatasetDraft = ModelDraft
"""A dataset is described in the same words as a model."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it is kept."""

    dataset_id: str
    uid: str
    etag: str
    draft: DatasetDraft
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A table as it is kept."""

    dataset_id: str
    number: int
    state: DatasetState
    format: TableFormat | None
    stored: StoredBytes
    table: Table
    faults: tuple[Fault, ...]
    create_time: datetime


async def create_dataset(session: AsyncSession, dataset_id: str, draft: DatasetDraft) -> Dataset:
    """Make a dataset.

    Raises:
        FieldInvalid: The id or the draft is not legal.
        DatasetAlreadyExists: The id is taken.
    """
    check_id(dataset_id, "dataset_id")
    check_texts(draft.display_name, draft.description, draft.labels, "dataset")
    values = {
        "dataset_id": dataset_id,
        "display_name": draft.display_name,
        "description": draft.description,
        "labels": dict(draft.labels),
    }
    # Two callers may make the same dataset at once: the database decides, without an error.
    statement = insert(DatasetRow).values(values).on_conflict_do_nothing()
    if await session.scalar(statement.returning(DatasetRow.id)) is None:
        raise DatasetAlreadyExists(
            f"the dataset {dataset_id!r} exists already",
            field="dataset_id",
            details={"dataset": dataset_id},
        )
    return await get_dataset(session, dataset_id)


async def get_dataset(session: AsyncSession, dataset_id: str) -> Dataset:
    """Return a dataset.

    Raises:
        DatasetNotFound: There is none.
    """
    return _dataset(await _get_row(session, dataset_id))


async def list_datasets(session: AsyncSession, page: Page) -> list[Dataset]:
    """Return one page of datasets by id, and one more if there is a next page."""
    query = select(DatasetRow).order_by(DatasetRow.dataset_id).limit(page.size + 1)
    if page.after is not None:
        query = query.where(DatasetRow.dataset_id > page.after)
    return [_dataset(row) for row in await session.scalars(query)]


async def add_version(
    session: AsyncSession,
    dataset_id: str,
    stored: StoredBytes,
    table_format: TableFormat | None,
    found: Table | Fault,
) -> DatasetVersion:
    """Add a table whose file is stored and was read.

    Args:
        session: The transaction.
        dataset_id: The dataset.
        stored: The file.
        table_format: Its form, if it is known.
        found: What reading it showed, or why it can't be used.

    Raises:
        DatasetNotFound: There is no such dataset.
    """
    dataset = await _get_row(session, dataset_id, for_update=True)
    dataset.last_version += 1
    table = found if isinstance(found, Table) else Table(0, ())
    row = DatasetVersionRow(
        dataset_row=dataset.id,
        number=dataset.last_version,
        state=DatasetState.ACTIVE if isinstance(found, Table) else DatasetState.FAILED,
        format=table_format,
        sha256=stored.sha256,
        size_bytes=stored.size_bytes,
        row_count=table.row_count,
        columns=table.columns,
        faults=() if isinstance(found, Table) else (found,),
    )
    session.add(row)
    await session.flush()
    return _version(dataset_id, row)


async def get_version(session: AsyncSession, dataset_id: str, reference: str) -> DatasetVersion:
    """Return a table.

    Args:
        session: The transaction.
        dataset_id: The dataset.
        reference: A number, or `latest` for the newest ACTIVE one.

    Raises:
        DatasetNotFound, DatasetVersionNotFound: There is none.
    """
    return _version(dataset_id, await get_version_row(session, dataset_id, reference))


async def get_version_row(
    session: AsyncSession, dataset_id: str, reference: str
) -> DatasetVersionRow:
    """Return a table's row; see `get_version`."""
    query = _versions(await _get_row(session, dataset_id))
    if reference == LATEST:
        query = query.where(DatasetVersionRow.state == DatasetState.ACTIVE)
    else:
        query = query.where(DatasetVersionRow.number == int(reference))
    row = await session.scalar(query.limit(1))
    if row is None and reference == LATEST:
        raise DatasetVersionNotFound(
            f"the dataset {dataset_id!r} has no version that could be read; upload a table",
            details={"dataset": dataset_id, "version": reference},
        )
    if row is None:
        raise DatasetVersionNotFound(
            f"the dataset {dataset_id!r} has no version {reference!r}",
            details={"dataset": dataset_id, "version": reference},
        )
    return row


async def list_versions(session: AsyncSession, dataset_id: str, page: Page) -> list[DatasetVersion]:
    """Return one page of tables, newest first, and one more if there is a next page.

    Raises:
        DatasetNotFound: There is no such dataset.
    """
    query = _versions(await _get_row(session, dataset_id)).limit(page.size + 1)
    if page.after is not None:
        query = query.where(DatasetVersionRow.number < int(page.after))
    return [_version(dataset_id, row) for row in await session.scalars(query)]


def _versions(dataset: DatasetRow) -> Select[DatasetVersionRow]:
    query = select(DatasetVersionRow).where(DatasetVersionRow.dataset_row == dataset.id)
    return query.options(joinedload(DatasetVersionRow.dataset)).order_by(
        DatasetVersionRow.number.desc()
    )


async def _get_row(
    session: AsyncSession, dataset_id: str, *, for_update: bool = False
) -> DatasetRow:
    query = select(DatasetRow).where(DatasetRow.dataset_id == dataset_id)
    row = await session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        raise DatasetNotFound(
            f"there is no dataset {dataset_id!r}", details={"dataset": dataset_id}
        )
    return row


def _dataset(row: DatasetRow) -> Dataset:
    return Dataset(
        dataset_id=row.dataset_id,
        uid=str(row.uid),
        etag=f'"{row.id}-{row.revision}"',
        draft=DatasetDraft(row.display_name, row.description, row.labels),
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _version(dataset_id: str, row: DatasetVersionRow) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=dataset_id,
        number=row.number,
        state=DatasetState(row.state),
        format=TableFormat(row.format) if row.format else None,
        stored=StoredBytes(row.sha256, row.size_bytes),
        table=Table(row.row_count, row.columns),
        faults=row.faults,
        create_time=row.create_time,
    )
