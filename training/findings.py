"""What is known about a job before it is made: everything that was found, not the first only."""

from dataclasses import dataclass
from enum import StrEnum

from registry.errors import DomainError
from training.errors import StepNotExportable, TrainerNotInstalled

_REASONS: dict[type[DomainError], str] = {
    StepNotExportable: "STEP_NOT_EXPORTABLE",
    TrainerNotInstalled: "TRAINER_NOT_INSTALLED",
}


class Severity(StrEnum):
    """How bad it is: ERROR is refused or fails, WARNING may disappoint, INFO is good to know."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        field: The request's field at fault, such as `training_job.target`.
        reason: A word for programs.
        message: A sentence for people.
        replacement: What to write instead, where that is known.
        severity: How bad it is.
        cause: What a check raised, if one did.
    """

    field: str
    reason: str
    message: str
    replacement: str = ""
    severity: Severity = Severity.ERROR
    cause: DomainError | None = None


def finding_of(error: DomainError, field: str, replacement: str = "") -> Finding:
    """Make a finding of what a check raised.

    Args:
        error: What was raised.
        field: The field to blame if the error blames none.
        replacement: What to write instead.
    """
    return Finding(
        error.field or field,
        _REASONS.get(type(error), "FIELD_INVALID"),
        error.message,
        replacement or error.details.get("replacement", ""),
        cause=error,
    )
