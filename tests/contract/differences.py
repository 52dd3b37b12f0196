"""Where a transport means to differ from the reference, each with its reason."""

from dataclasses import dataclass

from tests.contract.calls import Outcome
from tests.contract.cases import Case


@dataclass(frozen=True)
class Difference:
    """Something that is meant to be different.

    Attributes:
        outcome: What comes of the call instead.
        reason: Why that is better.
    """

    outcome: Outcome
    reason: str


DIFFERENCES: dict[tuple[str, str], Difference] = {}
"""By transport and name of the case."""


def expected(transport: str, case: Case) -> Outcome:
    """Say what must come of a case on a transport."""
    difference = DIFFERENCES.get((transport, case.name))
    return difference.outcome if difference else case.outcome
