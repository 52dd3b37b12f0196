"""Artifacts: the files of a version."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from registry.errors import ArtifactAlreadyExists, UploadTooLarge
from registry.tables import ArtifactRow, VersionRow

MODEL_FILE = "model.onnx"
MAX_ARTIFACTS = 100


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file whose bytes are in the artifact store, for a version."""

    artifact_id: str
    mime_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a version as the registry has it."""

    artifact_id: str
    mime_type: str
    size_bytes: int
    sha256: str
    create_time: datetime


class _Listed(Protocol):
    @property
    def artifact_id(self) -> str: ...
    @property
    def sha256(self) -> str: ...


def manifest_digest(files: Iterable[_Listed]) -> str:
    """Return SHA-256, in hexadecimal, over the names and digests of a version's files.

    The manifest is a JSON object, names sorted, without white space.
    """
    manifest = {file.artifact_id: file.sha256 for file in files}
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


async def record_artifact(session: AsyncSession, version: VersionRow, file: StoredFile) -> Artifact:
    """Record that a version has a file. The same file again changes nothing.

    Args:
        session: The transaction.
        version: The version's row, locked, with its artifacts loaded.
        file: The file, stored.

    Raises:
        ArtifactAlreadyExists: The version has other content under that id.
        UploadTooLarge: The version has as many files as it may have.
    """
    for row in version.artifacts:
        if row.artifact_id == file.artifact_id:
            return _check_same(row, file)
    if len(version.artifacts) >= MAX_ARTIFACTS:
        raise UploadTooLarge(f"a version has at most {MAX_ARTIFACTS} artifacts")
    row = ArtifactRow(
        version_row=version.id,
        artifact_id=file.artifact_id,
        mime_type=file.mime_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
    )
    session.add(row)
    await session.flush()
    return artifact_of_row(row)


def _check_same(row: ArtifactRow, file: StoredFile) -> Artifact:
    if row.sha256 != file.sha256:
        raise ArtifactAlreadyExists(
            f"the version has another {file.artifact_id!r} already; a version's files can't be"
            " replaced, so make a new version",
            details={"artifact": file.artifact_id},
        )
    return artifact_of_row(row)


def artifact_of_row(row: ArtifactRow) -> Artifact:
    """Turn a row into a value."""
    return Artifact(
        artifact_id=row.artifact_id,
        mime_type=row.mime_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        create_time=row.create_time,
    )
