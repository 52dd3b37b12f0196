"""The files of tables that were deleted: removed when nothing refers to them any more.

Files are kept under their digests, so equal tables share one. An upload stores its file before
it records it; what guards that moment is a lock on the digest, which both sides take: the
upload looks, under it, whether the file is still there.
"""

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from registry.artifact_store import ArtifactStore
from registry.tables import ArtifactRow
from registry.transactions import Sessions, begin
from training.tables import DatasetVersionRow

_MOST_AT_ONCE = 100
_LOCK_SEED = 1

log = structlog.get_logger()


async def lock_file(session: AsyncSession, sha256: str) -> None:
    """Keep a file from being removed, or recorded, by others until the transaction ends."""
    key = func.hashtextextended(sha256, _LOCK_SEED)
    await session.execute(select(func.pg_advisory_xact_lock(key)))


class TableFiles:
    """Removes the files of deleted tables.

    Args:
        sessions: Opens transactions, one for each file.
        store: Keeps the files.
    """

    def __init__(self, sessions: Sessions, store: ArtifactStore) -> None:
        self._sessions = sessions
        self._store = store

    async def remove_unused(self) -> None:
        """Remove the files of deleted tables that nothing else refers to."""
        try:
            while digests := await self._find_deleted():
                for sha256 in digests:
                    await self._remove(sha256)
        except OSError as error:
            # What could not be removed is found again the next time.
            log.warning("the file of a deleted table can't be removed", reason=str(error))

    async def _find_deleted(self) -> list[str]:
        deleted = DatasetVersionRow.delete_time.is_not(None)
        uploads = select(DatasetVersionRow.sha256).where(deleted, DatasetVersionRow.sha256 != "")
        copies = select(DatasetVersionRow.copy_sha256).where(
            deleted, DatasetVersionRow.copy_sha256.is_not(None)
        )
        async with begin(self._sessions) as session:
            return list(await session.scalars(uploads.union(copies).limit(_MOST_AT_ONCE)))

    async def _remove(self, sha256: str) -> None:
        async with begin(self._sessions) as session:
            await lock_file(session, sha256)
            if not await _is_used(session, sha256):
                await self._store.remove(sha256)
            deleted = update(DatasetVersionRow).where(DatasetVersionRow.delete_time.is_not(None))
            rows = DatasetVersionRow
            await session.execute(deleted.where(rows.sha256 == sha256).values(sha256=""))
            await session.execute(
                deleted.where(rows.copy_sha256 == sha256).values(copy_sha256=None)
            )


async def _is_used(session: AsyncSession, sha256: str) -> bool:
    tables = select(DatasetVersionRow.id).where(
        DatasetVersionRow.delete_time.is_(None),
        or_(DatasetVersionRow.sha256 == sha256, DatasetVersionRow.copy_sha256 == sha256),
    )
    artifacts = select(ArtifactRow.id).where(ArtifactRow.sha256 == sha256)
    for query in (tables, artifacts):
        if await session.scalar(query.limit(1)) is not None:
            return True
    return False
