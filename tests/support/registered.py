"""Versions in the registry, made the quick way."""

from datetime import UTC, datetime

from registry.artifacts import StoredFile
from registry.models import ensure_model
from registry.reports import AdmissionReport, Fault
from registry.signature import Signature, TensorSpec
from registry.transactions import Sessions, begin
from registry.version import Verdict, Version, VersionDraft
from registry.versions import register_version

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 3)),),
    (TensorSpec("y", "FP32", (-1, 3)),),
)
FILE = StoredFile("model.onnx", "application/onnx", 10, "ab" * 32)


async def add_version(
    sessions: Sessions, model_id: str, file: StoredFile = FILE, *, fails: bool = False
) -> Version:
    """Make a version that is complete, and its model if that is needed."""
    verdict = Verdict((Fault("BAD", "it is bad"),)) if fails else Verdict((), SIGNATURE)
    async with begin(sessions) as session:
        await ensure_model(session, model_id)
        return await register_version(session, model_id, VersionDraft(), (file,), verdict)


def make_report(memory_bytes: int) -> AdmissionReport:
    """Make what admission found, as far as anybody looks."""
    return AdmissionReport(
        load_us=1000,
        row_p50_us=10.0,
        row_p99_us=20.0,
        memory_bytes=memory_bytes,
        golden_row_count=0,
        golden_max_difference=0.0,
        onnxruntime_version="",
        create_time=datetime.now(UTC),
    )
