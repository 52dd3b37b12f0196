"""Uploads of tables: stored, read, and recorded as a dataset's next version."""

from collections.abc import AsyncIterator

from registry.artifact_store import ArtifactStore
from registry.transactions import Sessions, begin
from training.columns import TableFormat
from training.datasets import DatasetVersion, add_version, get_dataset
from training.table_reader import TableReader


class TableUploads:
    """Takes tables.

    Args:
        sessions: Opens transactions; none waits for bytes or for the reading.
        store: Keeps the bytes.
        reader: Finds out what they hold.
        most_bytes: The largest file that is let in.
    """

    def __init__(
        self, sessions: Sessions, store: ArtifactStore, reader: TableReader, most_bytes: int
    ) -> None:
        self._sessions = sessions
        self._store = store
        self._reader = reader
        self._most_bytes = most_bytes

    async def receive(
        self,
        dataset_id: str,
        table_format: TableFormat | None,
        sha256: str,
        chunks: AsyncIterator[bytes],
    ) -> DatasetVersion:
        """Store a table; one that can't be read becomes a FAILED version with the reason.

        Args:
            dataset_id: The dataset.
            table_format: The file's form; None is told from the bytes.
            sha256: The promised digest; empty takes any.
            chunks: The bytes, in order.

        Raises:
            DatasetNotFound: There is no such dataset; not a byte was taken.
            DigestMismatch, UploadTooLarge: Nothing is recorded.
        """
        async with begin(self._sessions) as session:
            await get_dataset(session, dataset_id)
        stored = await self._store.put(chunks, most_bytes=self._most_bytes, sha256=sha256)
        table_format, found = await self._reader.read(stored, table_format)
        async with begin(self._sessions) as session:
            return await add_version(session, dataset_id, stored, table_format, found)
