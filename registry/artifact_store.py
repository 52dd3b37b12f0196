"""Where files are kept: under the SHA-256 of their bytes, so that none is kept twice."""

import asyncio
import hashlib
import os
import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from registry.errors import ArtifactNotFound, DigestMismatch, UploadTooLarge
from registry.own_threads import OwnThreads

CHUNK_BYTES = 1 << 20
_ABANDONED_AFTER_SECONDS = 24 * 3600
_MOST_READS = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """What was stored: SHA-256 in hexadecimal, and the length in bytes."""

    sha256: str
    size_bytes: int


class ArtifactStore(Protocol):
    """A content-addressed store. What is acknowledged survives a loss of power.

    A local folder is one; an object store with create-if-absent can be another.
    """

    async def put(
        self, chunks: AsyncIterator[bytes], *, most_bytes: int, sha256: str = ""
    ) -> StoredBytes:
        """Store bytes as they come.

        Args:
            chunks: The bytes, in order.
            most_bytes: The largest length that is let in.
            sha256: What the digest must be, in hexadecimal; empty takes any.

        Raises:
            DigestMismatch: The digest is not the promised one; nothing is kept.
            UploadTooLarge: There are too many bytes; nothing is kept.
        """
        ...

    def get(self, sha256: str) -> AsyncIterator[bytes]:
        """Read bytes back in chunks.

        Raises:
            ArtifactNotFound: The store has no such bytes.
        """
        ...

    async def read(self, sha256: str) -> bytes:
        """Read all the bytes. A store that hangs holds up this call and nothing else.

        Raises:
            ArtifactNotFound: The store has no such bytes.
            OSError: The store can't be read now.
        """
        ...

    async def copy_to(self, sha256: str, path: Path) -> None:
        """Put the bytes into a local file, for a process that can only read files.

        Raises:
            ArtifactNotFound: The store has no such bytes.
        """
        ...

    async def has(self, sha256: str) -> bool:
        """Tell whether the store has these bytes."""
        ...

    async def remove(self, sha256: str) -> None:
        """Remove bytes; that there are none is well too. Nobody may refer to them any more."""
        ...


class LocalArtifactStore:
    """The store in a local folder: `ab/abcdef…` holds what has that digest.

    Args:
        folder: Made if it does not exist. Unfinished uploads are in `unfinished`
            below it, on the same file system, so that a rename ends them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        self._reads = OwnThreads(_MOST_READS)
        self._sweep()

    async def put(
        self, chunks: AsyncIterator[bytes], *, most_bytes: int, sha256: str = ""
    ) -> StoredBytes:
        """Store bytes as they come; see ArtifactStore."""
        path = self._unfinished / uuid.uuid4().hex
        try:
            stored = await _write(path, chunks, most_bytes)
            if sha256 and stored.sha256 != sha256.lower():
                raise DigestMismatch(
                    f"the bytes have SHA-256 {stored.sha256}, not the promised {sha256[:64]};"
                    " upload them again",
                    field="header.sha256",
                )
            await asyncio.to_thread(self._keep, path, stored.sha256)
        finally:
            path.unlink(missing_ok=True)
        return stored

    async def get(self, sha256: str) -> AsyncIterator[bytes]:
        """Read bytes back in chunks; see ArtifactStore."""
        with self._path(sha256).open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk

    async def read(self, sha256: str) -> bytes:
        """Read all the bytes; see ArtifactStore."""
        return await self._reads.run(lambda: self._path(sha256).read_bytes())

    async def copy_to(self, sha256: str, path: Path) -> None:
        """Put the bytes into a local file; see ArtifactStore."""
        with path.open("xb") as target:
            async for chunk in self.get(sha256):
                await asyncio.to_thread(target.write, chunk)

    async def has(self, sha256: str) -> bool:
        """Tell whether the store has these bytes; see ArtifactStore."""
        with suppress(ArtifactNotFound):
            return (await asyncio.to_thread(self._path, sha256)).is_file()
        return False

    async def remove(self, sha256: str) -> None:
        """Remove bytes; see ArtifactStore."""
        with suppress(ArtifactNotFound):
            await asyncio.to_thread(lambda: self._path(sha256).unlink(missing_ok=True))

    def _sweep(self) -> None:
        """Remove what a killed process left behind, and nothing that is still being written."""
        for path in self._unfinished.iterdir():
            # Another process may end or sweep the same upload at this moment.
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                    path.unlink()

    def _keep(self, path: Path, sha256: str) -> None:
        """Give a written file its final name, and make the name last."""
        target = self._folder / sha256[:2] / sha256
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        for folder in (target.parent, self._folder):
            _sync_folder(folder)

    def _path(self, sha256: str) -> Path:
        # The digest comes from our own tables, but it becomes a path: never trust it.
        path = self._folder / sha256[:2] / sha256
        if not _DIGEST.fullmatch(sha256) or not path.is_file():
            raise ArtifactNotFound("the bytes of this artifact are not in the store")
        return path


async def _write(path: Path, chunks: AsyncIterator[bytes], most_bytes: int) -> StoredBytes:
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > most_bytes:
                raise UploadTooLarge(
                    f"the upload is larger than the {most_bytes} bytes this server takes",
                    details={"most_bytes": str(most_bytes)},
                )
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    return StoredBytes(digest.hexdigest(), size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
