import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.artifact_store import LocalArtifactStore
from registry.errors import ArtifactNotFound, DigestMismatch, UploadTooLarge
from tests.support.streams import chunks_of

CONTENT = b"the bytes of a model" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def read(store: LocalArtifactStore, digest: str) -> bytes:
    return b"".join([chunk async for chunk in store.get(digest)])


async def test_what_is_put_is_read_back_under_its_digest(store: LocalArtifactStore) -> None:
    stored = await store.put(chunks_of(CONTENT), most_bytes=len(CONTENT), sha256=DIGEST.upper())
    assert (stored.sha256, stored.size_bytes) == (DIGEST, len(CONTENT))
    assert await read(store, DIGEST) == CONTENT


async def test_the_same_bytes_are_kept_once(store: LocalArtifactStore, tmp_path: Path) -> None:
    for _ in range(2):
        await store.put(chunks_of(CONTENT), most_bytes=1 << 20)
    assert files_below(tmp_path / "artifacts") == [DIGEST]


async def test_a_wrong_digest_keeps_nothing(store: LocalArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch, match=DIGEST):
        await store.put(chunks_of(CONTENT), most_bytes=1 << 20, sha256="0" * 64)
    assert files_below(tmp_path / "artifacts") == []


async def test_too_many_bytes_keep_nothing(store: LocalArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(UploadTooLarge):
        await store.put(chunks_of(CONTENT), most_bytes=len(CONTENT) - 1)
    assert files_below(tmp_path / "artifacts") == []


async def test_a_broken_stream_keeps_nothing(store: LocalArtifactStore, tmp_path: Path) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put(breaks(), most_bytes=1 << 20)
    assert files_below(tmp_path / "artifacts") == []


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", DIGEST[:63] + "/"])
async def test_unknown_digests_are_not_found(store: LocalArtifactStore, digest: str) -> None:
    with pytest.raises(ArtifactNotFound):
        await read(store, digest)


async def test_a_copy_has_the_bytes_and_replaces_nothing(
    store: LocalArtifactStore, tmp_path: Path
) -> None:
    await store.put(chunks_of(CONTENT), most_bytes=1 << 20)
    target = tmp_path / "copy"
    await store.copy_to(DIGEST, target)
    assert target.read_bytes() == CONTENT
    with pytest.raises(FileExistsError):
        await store.copy_to(DIGEST, target)


def test_abandoned_uploads_are_swept_and_young_ones_kept(tmp_path: Path) -> None:
    LocalArtifactStore(tmp_path)
    old, young = tmp_path / "unfinished" / "old", tmp_path / "unfinished" / "young"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    LocalArtifactStore(tmp_path)
    assert files_below(tmp_path) == ["young"]
