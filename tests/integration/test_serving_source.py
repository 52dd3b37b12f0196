"""What serving reads from a real registry: in which order, how large, and nothing twice."""

from collections.abc import Iterable
from dataclasses import replace

from registry import aliases, versions
from registry.aliases import Move
from registry.artifact_store import LocalArtifactStore
from registry.artifacts import StoredFile
from registry.models import ensure_model
from registry.transactions import Sessions, begin
from registry.version import Verdict, VersionDraft
from server.serving_source import ServingSource
from serving.snapshot import ServableVersion, Snapshot
from tests.support.registered import FILE, SIGNATURE, add_version, make_report


def all_versions(snapshot: Snapshot) -> Iterable[ServableVersion]:
    for model in snapshot.models.values():
        yield from model.versions.values()


async def test_models_promoted_last_come_first(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    for model_id in ("a", "b", "c", "a"):
        await add_version(sessions, model_id)
    async with begin(sessions) as session:
        await ensure_model(session, "empty")
    source = ServingSource(sessions, store)
    assert list((await source.read_snapshot()).models) == ["c", "b", "a", "empty"]
    async with begin(sessions) as session:
        await aliases.move_alias(session, Move("a", "champion", 2))
    moved = await source.read_snapshot()
    assert list(moved.models) == ["a", "c", "b", "empty"]
    assert moved.models["a"].aliases == {"champion": 2}


async def test_a_version_is_as_large_as_admission_found_it_else_it_is_guessed(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    large = StoredFile("model.onnx", "", 1 << 20, "cd" * 32)
    await add_version(sessions, "guessed", large)
    async with begin(sessions) as session:
        await ensure_model(session, "measured")
        verdict = Verdict((), SIGNATURE, make_report(memory_bytes=12345))
        await versions.register_version(session, "measured", VersionDraft(), (FILE,), verdict)
    models = (await ServingSource(sessions, store).read_snapshot()).models
    assert models["measured"].versions[1].memory_bytes == 12345
    assert models["guessed"].versions[1].memory_bytes > 1 << 20


async def test_it_is_told_what_a_version_was_checked_with(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    golden = StoredFile("golden-rows.json", "", 100, "ef" * 32)
    report = replace(make_report(memory_bytes=1), onnxruntime_version="1.2.3")
    async with begin(sessions) as session:
        await ensure_model(session, "checked")
        verdict = Verdict((), SIGNATURE, report)
        for files in ((FILE, golden), (FILE, replace(golden, size_bytes=1 << 30)), (FILE,)):
            await versions.register_version(session, "checked", VersionDraft(), files, verdict)
    found = (await ServingSource(sessions, store).read_snapshot()).models["checked"].versions
    assert [found[number].golden_digest for number in (1, 2, 3)] == ["ef" * 32, "", ""]
    assert found[1].onnxruntime_version == "1.2.3"


async def test_versions_are_read_once_and_forgotten_when_they_are_gone(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    source = ServingSource(sessions, store)
    await add_version(sessions, "m")
    first = await source.read_snapshot()
    await add_version(sessions, "m")
    await add_version(sessions, "m", fails=True)
    second = await source.read_snapshot()
    assert sorted(second.models["m"].versions) == [1, 2]
    assert second.models["m"].versions[1] is first.models["m"].versions[1]
    async with begin(sessions) as session:
        row = await versions._find_row(session, "m", "1")
        row.state = "ARCHIVED"
    assert [v.number for v in all_versions(await source.read_snapshot())] == [2]
    assert [version.number for version in source._versions.values()] == [2]
