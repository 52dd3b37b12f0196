"""Datasets: named lines of tables."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer, joinedload, undefer

from registry.artifact_store import StoredBytes
from registry.list_filters import Selection
from registry.models import ModelDraft, check_texts
from registry.names import LATEST, check_id
from registry.paging import Page
from registry.reports import Fault
from training.columns import PreviewRows, Table, TableFormat
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

    @property
    def readable(self) -> tuple[StoredBytes, TableFormat]:
        """The file that fits read: the typed copy, or an older version's upload."""
        if self.table.file:
            return self.table.file, TableFormat.PARQUET
        assert self.format
        return self.stored, self.format


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
    return dataset_of_row(await get_row(session, dataset_id))


async def list_datasets(session: AsyncSession, page: Page, selection: Selection) -> list[Dataset]:
    """Return one page of datasets, and one more if there is a next page."""
    query = select(DatasetRow).where(DatasetRow.delete_time.is_(None))
    query = selection.apply(query, page.after).limit(page.size + 1)
    return [dataset_of_row(row) for row in await session.scalars(query)]


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
    dataset = await get_row(session, dataset_id, for_update=True)
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
        warnings=table.warnings,
        csv_options=table.csv,
        preview=table.preview,
        copy_sha256=table.file.sha256 if table.file else None,
        copy_size_bytes=table.file.size_bytes if table.file else None,
        faults=() if isinstance(found, Table) else (found,),
    )
    session.add(row)
    await session.flush()
    return _version(dataset_id, row)


async def get_version(session: AsyncSession, dataset_id: str, reference: str) -> DatasetVersion:
    """Return a table, without its preview.

    Args:
        session: The transaction.
        dataset_id: The dataset.
        reference: A number, or `latest` for the newest ACTIVE one.

    Raises:
        DatasetNotFound, DatasetVersionNotFound: There is none.
    """
    query = await _select_version(session, dataset_id, reference)
    return _version(dataset_id, _found(await session.scalar(query), dataset_id, reference))


async def get_version_row(
    session: AsyncSession, dataset_id: str, reference: str
) -> DatasetVersionRow:
    """Return a table's row for something that will refer to it; see `get_version`.

    Until the transaction ends nobody else deletes the version.
    """
    query = await _select_version(session, dataset_id, reference)
    query = query.with_for_update(read=True, key_share=True, of=DatasetVersionRow)
    return _found(await session.scalar(query), dataset_id, reference)


async def get_preview(
    session: AsyncSession, dataset_id: str, reference: str
) -> tuple[DatasetVersion, PreviewRows]:
    """Return a table and its first rows; see `get_version`."""
    query = await _select_version(session, dataset_id, reference)
    query = query.options(undefer(DatasetVersionRow.preview))
    row = _found(await session.scalar(query), dataset_id, reference)
    return _version(dataset_id, row), row.preview


async def list_versions(
    session: AsyncSession, dataset_id: str, page: Page, selection: Selection
) -> list[DatasetVersion]:
    """Return one page of tables, and one more if there is a next page.

    They come without columns and warnings: a page of wide tables would be too much.

    Raises:
        DatasetNotFound: There is no such dataset.
    """
    query = _versions(await get_row(session, dataset_id)).order_by(None)
    query = query.options(defer(DatasetVersionRow.columns), defer(DatasetVersionRow.warnings))
    query = selection.apply(query, page.after).limit(page.size + 1)
    return [_version(dataset_id, row, brief=True) for row in await session.scalars(query)]


def _versions(dataset: DatasetRow) -> Select[DatasetVersionRow]:
    query = select(DatasetVersionRow).where(
        DatasetVersionRow.dataset_row == dataset.id, DatasetVersionRow.delete_time.is_(None)
    )
    return query.options(joinedload(DatasetVersionRow.dataset, innerjoin=True)).order_by(
        DatasetVersionRow.number.desc()
    )


async def _select_version(
    session: AsyncSession, dataset_id: str, reference: str
) -> Select[DatasetVersionRow]:
    query = _versions(await get_row(session, dataset_id)).limit(1)
    if reference == LATEST:
        return query.where(DatasetVersionRow.state == DatasetState.ACTIVE)
    return query.where(DatasetVersionRow.number == int(reference))


def _found(row: DatasetVersionRow | None, dataset_id: str, reference: str) -> DatasetVersionRow:
    if row is not None:
        return row
    lacks = (
        "no version that could be read; upload a table"
        if reference == LATEST
        else f"no version {reference!r}"
    )
    raise DatasetVersionNotFound(
        f"the dataset {dataset_id!r} has {lacks}",
        details={"dataset": dataset_id, "version": reference},
    )


async def get_row(
    session: AsyncSession, dataset_id: str, *, for_update: bool = False
) -> DatasetRow:
    """Return a dataset's row, locked until the transaction ends if that is asked for.

    Raises:
        DatasetNotFound: There is none.
    """
    query = select(DatasetRow).where(
        DatasetRow.dataset_id == dataset_id, DatasetRow.delete_time.is_(None)
    )
    row = await session.scalar(query.with_for_update() if for_update else query)
    if row is None:
        raise DatasetNotFound(
            f"there is no dataset {dataset_id!r}", details={"dataset": dataset_id}
        )
    return row


def dataset_of_row(row: DatasetRow) -> Dataset:
    """Turn a row into a value."""
    return Dataset(
        dataset_id=row.dataset_id,
        uid=str(row.uid),
        etag=f'"{row.id}-{row.revision}"',
        draft=DatasetDraft(row.display_name, row.description, row.labels),
        create_time=row.create_time,
        update_time=row.update_time,
    )


def _version(dataset_id: str, row: DatasetVersionRow, *, brief: bool = False) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=dataset_id,
        number=row.number,
        state=DatasetState(row.state),
        format=TableFormat(row.format) if row.format else None,
        stored=StoredBytes(row.sha256, row.size_bytes),
        table=Table(
            row_count=row.row_count,
            columns=() if brief else row.columns,
            warnings=() if brief else row.warnings,
            csv=row.csv_options,
            file=_copy(row),
        ),
        faults=row.faults,
        create_time=row.create_time,
    )


def _copy(row: DatasetVersionRow) -> StoredBytes | None:
    if row.copy_sha256 is None or row.copy_size_bytes is None:
        return None
    return StoredBytes(row.copy_sha256, row.copy_size_bytes)
