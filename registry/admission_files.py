"""What admission's child is asked and what it answers: the files between the two."""

from dataclasses import dataclass

from registry.reports import AdmissionReport, Fault
from registry.signature import Signature


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A version to check; its files are in the same folder.

    Attributes:
        declared: What its makers say goes in and comes out; None takes the file's word.
        has_golden_rows: Whether there are golden rows to run.
    """

    declared: Signature | None
    has_golden_rows: bool


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What the child found."""

    faults: tuple[Fault, ...]
    signature: Signature | None = None
    report: AdmissionReport | None = None
