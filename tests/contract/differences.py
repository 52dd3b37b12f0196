"""Where a transport means to differ from the reference, each with its reason."""

from dataclasses import dataclass

from tests.contract.calls import Outcome
from tests.contract.cases import STREAMS, UNARY, Case


@dataclass(frozen=True)
class Difference:
    """Something that is meant to be different.

    Attributes:
        outcome: What comes of the call instead.
        reason: Why that is better.
    """

    outcome: Outcome
    reason: str


_QUIET = "the text of an exception that nobody handled may tell what is nobody's business"

DIFFERENCES: dict[tuple[str, str], Difference] = {
    **{
        ("express", f"raise-{method}"): Difference(Outcome("UNKNOWN", "the handler failed"), _QUIET)
        for method in UNARY + STREAMS
    },
    **{
        ("express", f"none-{method}"): Difference(
            Outcome("INTERNAL", "the server could not write its answer"),
            "no message is not an empty message: the handler forgot its answer",
        )
        for method in UNARY
    },
    **{
        ("express", f"raise-after-a-message-{method}"): Difference(
            Outcome("UNKNOWN", "the handler failed", (b"x",)), _QUIET
        )
        for method in STREAMS
    },
}
"""By transport and name of the case."""


def expected(transport: str, case: Case) -> Outcome:
    """Say what must come of a case on a transport."""
    difference = DIFFERENCES.get((transport, case.name))
    return difference.outcome if difference else case.outcome
