"""Tables that come in: stored, read, and recorded as a dataset's next version."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from registry.artifact_store import ArtifactStore
from registry.transactions import Sessions, begin
from training.columns import Table, TableFormat
from training.datasets import DatasetVersion, add_version, get_dataset
from training.errors import TableFileLost
from training.ingesting import ReadOptions
from training.table_files import lock_file
from training.table_reader import TableReader


@dataclass(frozen=True, slots=True)
class Upload:
    """What a caller says of a table that comes.

    Attributes:
        dataset_id: The dataset.
        table_format: The file's form; None is told from the bytes.
        sha256: The promised digest; empty takes any.
        options: How to read it.
    """

    dataset_id: str
    table_format: TableFormat | None = None
    sha256: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)


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

    async def receive(self, upload: Upload, chunks: AsyncIterator[bytes]) -> DatasetVersion:
        """Store a table; one that can't be read becomes a FAILED version with the reason.

        Args:
            upload: What is said of it.
            chunks: The bytes, in order.

        Raises:
            DatasetNotFound: There is no such dataset; not a byte was taken.
            DigestMismatch, UploadTooLarge: Nothing is recorded.
            TableFileLost: A deletion took the file away; nothing is recorded.
        """
        async with begin(self._sessions) as session:
            await get_dataset(session, upload.dataset_id)
        stored = await self._store.put(chunks, most_bytes=self._most_bytes, sha256=upload.sha256)
        table_format, found = await self._reader.read(stored, upload.table_format, upload.options)
        copy = found.file if isinstance(found, Table) else None
        async with begin(self._sessions) as session:
            # In one order, so that two uploads of the same files never wait for each other.
            for sha256 in sorted({file.sha256 for file in (stored, copy) if file}):
                await lock_file(session, sha256)
                await self._check_stored(sha256)
            return await add_version(session, upload.dataset_id, stored, table_format, found)

    async def _check_stored(self, sha256: str) -> None:
        if not await self._store.has(sha256):
            raise TableFileLost(
                "a version with the same file was deleted at this moment; upload the table again"
            )
