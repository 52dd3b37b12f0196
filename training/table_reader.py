"""Reads uploaded tables in a throw-away process: their bytes may come from anyone."""

import asyncio
import tempfile
from pathlib import Path

from registry.artifact_store import ArtifactStore, StoredBytes
from registry.child_process import ChildLimits, ChildProcess
from registry.reports import Fault
from training.columns import IngestOutcome, IngestRequest, Table, TableFormat

_AT_ONCE = 2


class TableReader:
    """Finds out what an uploaded file holds.

    Args:
        store: Where the file is.
        children: Starts the throw-away processes.
        limits: What reading one table may use.
        folder: Where readings have their folders; made if it does not exist.
    """

    def __init__(
        self, store: ArtifactStore, children: ChildProcess, limits: ChildLimits, folder: Path
    ) -> None:
        self._store = store
        self._children = children
        self._limits = limits
        self._folder = folder
        self._places = asyncio.Semaphore(_AT_ONCE)
        folder.mkdir(parents=True, exist_ok=True)

    async def read(
        self, stored: StoredBytes, table_format: TableFormat | None
    ) -> tuple[TableFormat | None, Table | Fault]:
        """Read a stored file.

        Args:
            stored: The file.
            table_format: Its form as the caller says; None is told from the bytes.

        Returns:
            Its form if it is known, and its columns or why it can't be used.
        """
        async with self._places:
            with tempfile.TemporaryDirectory(dir=self._folder) as name:
                return await self._read(Path(name), stored, table_format)

    async def _read(
        self, folder: Path, stored: StoredBytes, table_format: TableFormat | None
    ) -> tuple[TableFormat | None, Table | Fault]:
        path = folder / "table"
        await self._store.copy_to(stored.sha256, path)
        request = IngestRequest(table_path=str(path), table_format=table_format)
        outcome = await self._children.ask(
            "training.ingest", folder, request, IngestOutcome, self._limits
        )
        if isinstance(outcome, Fault):
            message = f"the table could not be read: {outcome.message}"
            return table_format, Fault(outcome.reason, message)
        found = outcome.table or outcome.fault
        assert found
        return outcome.table_format or table_format, found
