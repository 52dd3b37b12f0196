"""Tables that the server fetches itself: only from below prefixes that its operator allows.

`file://` is read here, with links resolved before it is compared; `s3://` and `gs://` go
through obstore, which finds its credentials as the clouds' own tools do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import unquote

import obstore
import structlog
from obstore.store import from_url

from registry.artifact_store import CHUNK_BYTES
from training.errors import ImportFailed, ImportNotAllowed
from training.uris import is_below, split_uri

_REASONS = (
    (FileNotFoundError, "there is no such file"),
    (PermissionError, "the server may not read it"),
    (obstore.exceptions.PermissionDeniedError, "the server may not read it"),
    (obstore.exceptions.UnauthenticatedError, "the server has no credentials for it"),
)

log = structlog.get_logger()


class TableSources:
    """Fetches tables.

    Args:
        prefixes: From below which tables may be fetched, such as `s3://bucket/tables/`; none
            allows nothing.
    """

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefixes = prefixes

    def open(self, uri: str) -> AsyncIterator[bytes]:
        """Open a table's file.

        Returns:
            Its bytes in chunks, in order. Reading them raises ImportFailed where there is
            nothing to read.

        Raises:
            FieldInvalid: The address has no legal form.
            ImportNotAllowed: The operator does not allow it.
        """
        scheme, path = split_uri(uri)
        if scheme == "file":
            return _stream(_read_file(self._resolve(path)))
        if not any(is_below(uri, prefix) for prefix in self._prefixes):
            raise _not_allowed()
        return _stream(_read_object(uri))

    def _resolve(self, path: str) -> Path:
        """Find where a path leads, and whether that is allowed."""
        found = Path(path).resolve()
        for prefix in self._prefixes:
            scheme, folder = split_uri(prefix)
            if scheme == "file" and found.is_relative_to(Path(folder).resolve()):
                return found
        raise _not_allowed()


def _not_allowed() -> ImportNotAllowed:
    # It does not say what is allowed: the list may tell of places that callers need not know.
    return ImportNotAllowed(
        "tables may not be imported from there; ask the operator to add its folder to"
        " dataset_import_prefixes, or upload the table",
        field="uri",
    )


async def _stream(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read in a thread, as files and networks may take their time."""
    try:
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield chunk
    except (OSError, ValueError, obstore.exceptions.BaseError) as error:
        log.warning("a table could not be fetched", reason=str(error)[:1000])
        raise ImportFailed(
            f"nothing could be fetched from there: {_reason(error)}", field="uri"
        ) from error


def _read_file(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _read_object(uri: str) -> Iterator[bytes]:
    folder, _, name = uri.rpartition("/")
    store = from_url(folder)
    for chunk in obstore.get(store, unquote(name)).stream(min_chunk_size=CHUNK_BYTES):
        yield bytes(chunk)


def _reason(error: Exception) -> str:
    """Say why, without what the address's host or our own disk would tell."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return "the place does not answer as it should; the server's log tells more"
