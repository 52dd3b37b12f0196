import hashlib
import json
from typing import Any

import pytest

from registry import versions
from registry.admission import Admission
from registry.artifact_store import LocalArtifactStore
from registry.artifacts import StoredFile, record_artifact
from registry.child_process import ChildLimits, ChildProcess
from registry.errors import ArtifactAlreadyExists, VersionStateInvalid
from registry.models import ensure_model
from registry.signature import Signature, TensorSpec
from registry.transactions import Sessions, begin
from registry.version import Verdict, VersionDraft, VersionState
from tests.support import onnx_models
from tests.support.golden import GOLDEN_TEXT
from tests.support.streams import chunks_of

GOLDEN = json.loads(GOLDEN_TEXT)


class Workshop:
    """Makes versions the way a caller does: create, upload, finalize."""

    def __init__(self, sessions: Sessions, store: LocalArtifactStore, admission: Admission) -> None:
        self.sessions = sessions
        self.store = store
        self.admission = admission

    async def create(self) -> int:
        async with begin(self.sessions) as session:
            await ensure_model(session, "m")
            return (await versions.create_version(session, "m", VersionDraft())).number

    async def upload(self, number: int, artifact_id: str, content: bytes) -> None:
        stored = await self.store.put(chunks_of(content, 4096), most_bytes=1 << 26)
        file = StoredFile(artifact_id, "", stored.size_bytes, stored.sha256)
        async with begin(self.sessions) as session:
            row = await versions.lock_creating_version(session, "m", number)
            await record_artifact(session, row, file)

    async def push(self, model: bytes, golden: Any = None) -> Any:
        number = await self.create()
        await self.upload(number, "model.onnx", model)
        if golden is not None:
            await self.upload(number, "golden-rows.json", json.dumps(golden).encode())
        return await self.admission.finalize(self.sessions, "m", number)


@pytest.fixture
def workshop(sessions: Sessions, store: LocalArtifactStore, admission: Admission) -> Workshop:
    return Workshop(sessions, store, admission)


async def test_a_good_model_is_admitted_with_signature_and_report(workshop: Workshop) -> None:
    version = await workshop.push(onnx_models.double_model(), GOLDEN)
    assert (version.state, version.verdict.faults) == (VersionState.ACTIVE, ())
    assert version.verdict.signature == Signature(
        (TensorSpec("x", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1, 3)),)
    )
    report = version.verdict.report
    assert report
    assert report.golden_row_count == 2
    assert report.load_us > 0 < report.row_p50_us <= report.row_p99_us
    manifest = {artifact.artifact_id: artifact.sha256 for artifact in version.artifacts}
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    assert version.digest == hashlib.sha256(text.encode()).hexdigest()


async def test_a_bad_model_fails_with_its_reason(workshop: Workshop) -> None:
    version = await workshop.push(onnx_models.external_model(), GOLDEN)
    assert version.state == VersionState.FAILED
    assert [fault.reason for fault in version.verdict.faults] == ["EXTERNAL_DATA"]


async def test_a_version_without_a_model_is_not_finalized(workshop: Workshop) -> None:
    number = await workshop.create()
    with pytest.raises(VersionStateInvalid, match=r"model\.onnx"):
        await workshop.admission.finalize(workshop.sessions, "m", number)


async def test_finalizing_again_returns_the_first_end(workshop: Workshop) -> None:
    first = await workshop.push(onnx_models.double_model())
    again = await workshop.admission.finalize(workshop.sessions, "m", first.number)
    assert again == first


async def test_files_are_fixed_once_the_version_is_made(workshop: Workshop) -> None:
    version = await workshop.push(onnx_models.double_model())
    with pytest.raises(VersionStateInvalid):
        await workshop.upload(version.number, "more.txt", b"x")


async def test_a_file_is_never_replaced(workshop: Workshop) -> None:
    number = await workshop.create()
    for _ in range(2):
        await workshop.upload(number, "model.onnx", b"one")
    with pytest.raises(ArtifactAlreadyExists):
        await workshop.upload(number, "model.onnx", b"two")


async def test_a_file_that_comes_during_the_check_undoes_it(workshop: Workshop) -> None:
    number = await workshop.create()
    await workshop.upload(number, "model.onnx", onnx_models.double_model())
    async with begin(workshop.sessions) as session:
        with pytest.raises(VersionStateInvalid, match="finalize it again"):
            await versions.finish_version(session, "m", number, "another digest", Verdict())


async def test_a_declared_signature_must_be_the_real_one(workshop: Workshop) -> None:
    stored = await workshop.store.put(
        chunks_of(onnx_models.double_model(), 4096), most_bytes=1 << 26
    )
    files = [StoredFile("model.onnx", "", stored.size_bytes, stored.sha256)]
    declared = Signature((TensorSpec("x", "FP64", (-1, 3)),), ())
    verdict = await workshop.admission.check(files, declared)
    assert [fault.reason for fault in verdict.faults] == ["SIGNATURE_MISMATCH"]


async def test_a_check_that_takes_too_long_is_ended(
    workshop: Workshop, children: ChildProcess, tmp_path: Any
) -> None:
    workshop.admission = Admission(
        workshop.store, children, ChildLimits(seconds=0.05), tmp_path / "hasty"
    )
    version = await workshop.push(onnx_models.double_model())
    assert [fault.reason for fault in version.verdict.faults] == ["TIMEOUT"]


async def test_the_memory_is_the_model_s_and_not_the_library_s(workshop: Workshop) -> None:
    small = await workshop.push(onnx_models.double_model())
    large = await workshop.push(onnx_models.wide_model(columns=2048))
    weights = 4 * 2048 * 2048
    assert small.verdict.report.memory_bytes < 1 << 20
    assert weights <= large.verdict.report.memory_bytes < 1.5 * weights
