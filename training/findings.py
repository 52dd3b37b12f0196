"""What is known about a job before it is made: everything that was found, not the first only."""

from dataclasses import dataclass
from enum import StrEnum

from registry.errors import DomainError


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
    """

    field: str
    reason: str
    message: str
    replacement: str = ""
    severity: Severity = Severity.ERROR


def finding_of(error: DomainError, field: str, replacement: str = "") -> Finding:
    """Make a finding of what a check raised.

    Args:
        error: What was raised.
        field: The field to blame if the error blames none.
        replacement: What to write instead.
    """
    return Finding(error.field or field, "FIELD_INVALID", error.message, replacement)
