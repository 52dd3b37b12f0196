"""A report of parity says when another ONNX Runtime answers than was compared."""

import pytest

from modelyard.registry.v1.resources_pb2 import TASK_MULTILABEL_CLASSIFICATION, ModelVersion
from registry.messages import to_task, version_draft
from registry.report_messages import to_parity_report
from registry.reports import ParityCheck, ParityReport
from registry.runtime import read_onnxruntime_version

CHECK = ParityCheck("holdout", 20, 3, 0.0, 1e-5, passed=True, excused_count=3)


@pytest.mark.parametrize(
    ("compared_with", "is_stale"), [(read_onnxruntime_version(), False), ("", False), ("1.0", True)]
)
def test_a_report_is_stale_when_the_runtime_is_another(
    compared_with: str, *, is_stale: bool
) -> None:
    report = ParityReport(True, (CHECK,), compared_with, "it is well")  # noqa: FBT003  a dataclass
    message = to_parity_report(report)
    assert message.stale is is_stale
    assert message.checks[0].excused_count == 3
    # What a caller says comes back as it was said; whether it is stale is not theirs to say.
    assert version_draft(ModelVersion(parity_report=message)).parity_report == report


def test_a_version_names_its_targets() -> None:
    message = ModelVersion(task=TASK_MULTILABEL_CLASSIFICATION, target_names=["a", "b"])
    draft = version_draft(message)
    assert draft.target_names == ("a", "b")
    assert to_task(draft.task) == TASK_MULTILABEL_CLASSIFICATION
