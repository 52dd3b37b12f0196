"""How the findings about a job look on a terminal."""

from collections.abc import Sequence

from modelyard.commands.panels import grid
from modelyard.commands.session import Session
from modelyard.training.v1.training_pb2 import Finding


def show_findings(session: Session, findings: Sequence[Finding]) -> None:
    """Show what is to know about a job before it is made; end with 1 if it would fail."""
    table = grid(
        ["", "FIELD", "REASON", "WHAT", "INSTEAD"],
        ([_severity(it), it.field, it.reason, it.message, it.replacement] for it in findings),
    )
    session.answer(list(findings), table if findings else "nothing speaks against this job")
    errors = sum(it.severity == Finding.SEVERITY_ERROR for it in findings)
    if errors:
        session.fail(f"the job would fail: {errors} of these are errors")


def _severity(finding: Finding) -> str:
    return Finding.Severity.Name(finding.severity).removeprefix("SEVERITY_").lower()
