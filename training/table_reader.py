"""Reads uploaded tables in a throw-away process: their bytes may come from anyone."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from registry.artifact_store import CHUNK_BYTES, ArtifactStore, StoredBytes
from registry.child_process import ChildLimits, ChildProcess
from registry.reports import Fault
from training.columns import Table, TableFormat
from training.ingesting import COPY_FILE, IngestOutcome, IngestRequest, ReadOptions

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
        self,
        stored: StoredBytes,
        table_format: TableFormat | None,
        options: ReadOptions | None = None,
    ) -> tuple[TableFormat | None, Table | Fault]:
        """Read a stored file, and store its typed copy.

        Args:
            stored: The file.
            table_format: Its form as the caller says; None is told from the bytes.
            options: How to read it.

        Returns:
            Its form if it is known, and what it holds or why it can't be used.
        """
        async with self._places:
            with tempfile.TemporaryDirectory(dir=self._folder) as name:
                path = Path(name) / "table"
                await self._store.copy_to(stored.sha256, path)
                request = IngestRequest(str(path), table_format, options or ReadOptions())
                return await self._read(Path(name), request)

    async def _read(
        self, folder: Path, request: IngestRequest
    ) -> tuple[TableFormat | None, Table | Fault]:
        outcome = await self._children.ask(
            "training.ingest", folder, request, IngestOutcome, self._limits
        )
        if isinstance(outcome, Fault):
            message = f"the table could not be read: {outcome.message}"
            return request.table_format, Fault(outcome.reason, message)
        table_format = outcome.table_format or request.table_format
        if outcome.table is None:
            assert outcome.fault
            return table_format, outcome.fault
        copy = await self._store.put(
            _chunks(folder / COPY_FILE), most_bytes=self._limits.file_bytes
        )
        return table_format, replace(outcome.table, file=copy)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    # A foreign table may have made the child do anything: what it left is no link to follow,
    # and nothing to wait for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
