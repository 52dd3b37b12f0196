"""Bytes of artifacts in and out: the store and the registry's record of it, together."""

from collections.abc import AsyncIterator

from registry import versions
from registry.artifact_store import ArtifactStore
from registry.artifacts import Artifact, StoredFile, record_artifact
from registry.errors import ArtifactNotFound
from registry.transactions import Sessions, begin
from registry.version import check_creating


class ArtifactTransfers:
    """Takes and gives the files of versions.

    Args:
        sessions: Opens transactions; none waits for bytes.
        store: Keeps the bytes.
        most_bytes: The largest file that is let in.
    """

    def __init__(self, sessions: Sessions, store: ArtifactStore, most_bytes: int) -> None:
        self._sessions = sessions
        self._store = store
        self._most_bytes = most_bytes

    async def receive(
        self, model_id: str, number: int, file: StoredFile, chunks: AsyncIterator[bytes]
    ) -> Artifact:
        """Store a file of a version that is CREATING.

        Args:
            model_id: The model.
            number: The version.
            file: Its id and media type, and the promised digest if there is one; the
                length is not known yet.
            chunks: The bytes, in order.

        Raises:
            ModelNotFound, VersionNotFound, VersionStateInvalid: There is no version that
                takes files; not a byte was taken.
            ArtifactAlreadyExists, DigestMismatch, UploadTooLarge: Nothing is recorded.
        """
        async with begin(self._sessions) as session:
            check_creating(await versions.get_version(session, model_id, str(number)))
        stored = await self._store.put(chunks, most_bytes=self._most_bytes, sha256=file.sha256)
        kept = StoredFile(file.artifact_id, file.mime_type, stored.size_bytes, stored.sha256)
        async with begin(self._sessions) as session:
            row = await versions.lock_creating_version(session, model_id, number)
            return await record_artifact(session, row, kept)

    async def find(self, model_id: str, reference: str, artifact_id: str) -> tuple[int, Artifact]:
        """Return a file of a version, with the version's number.

        Raises:
            ModelNotFound, VersionNotFound, ArtifactNotFound: There is none.
        """
        async with begin(self._sessions) as session:
            version = await versions.get_version(session, model_id, reference)
        for artifact in version.artifacts:
            if artifact.artifact_id == artifact_id:
                return version.number, artifact
        raise ArtifactNotFound(
            f"version {version.number} of {model_id!r} has no artifact {artifact_id!r}",
            details={"model": model_id, "artifact": artifact_id},
        )

    def send(self, artifact: Artifact) -> AsyncIterator[bytes]:
        """Return the bytes of a file, in chunks."""
        return self._store.get(artifact.sha256)
