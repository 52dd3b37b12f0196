"""Files on their way: opened from what the caller has, digested, cut into pieces."""

import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO, TypeAlias

from modelyard.transport import Transport

CHUNK_BYTES = 2**20

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a binary file that can seek."""

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many bytes are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes from its present position on.

    Attributes:
        file: The file.
        start: Where in it the bytes begin.
        size_bytes: How many bytes there are.
        sha256: Their digest, in hexadecimal.
        lock: Is held while the file is moved and read: a repeated upload may begin before
            the last read of the first try has ended in its thread.
    """

    file: BinaryIO
    start: int
    size_bytes: int
    sha256: str
    lock: Lock = field(default_factory=Lock, compare=False)

    async def chunks(self, transport: Transport, progress: Progress | None) -> AsyncIterator[bytes]:
        """Yield the bytes from the first one on, and tell the progress of what was taken."""
        done = 0
        while chunk := await transport.offload(self._read_at, self.start + done):
            yield chunk
            done += len(chunk)
            if progress is not None:
                progress(done, self.size_bytes)

    def _read_at(self, position: int) -> bytes:
        with self.lock:
            self.file.seek(position)
            return self.file.read(CHUNK_BYTES)


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """Open a path or bytes; a file stays as it is, and open."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:  # noqa: PTH123  takes any path-like
            yield file
    else:
        yield source


def digested(file: BinaryIO) -> Content:
    """Read a file to its end, so that its digest can travel first."""
    start = file.tell()
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    size_bytes = file.tell() - start
    return Content(file, start, size_bytes, digest.hexdigest())
