"""How requests of a model are joined: a setting of the model, which serving follows."""

from dataclasses import dataclass

from registry.errors import FieldInvalid

FEWEST_ROWS = 2
MOST_ROWS = 4096
LONGEST_DELAY_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests that come at the same time are joined into one run.

    Attributes:
        max_rows: How many rows are joined at most.
        max_delay_ns: How long a request waits for others at most, in nanoseconds.
    """

    max_rows: int
    max_delay_ns: int


def check_batching(batching: Batching | None) -> None:
    """Bound what callers ask for; None asks for nothing.

    Raises:
        FieldInvalid: A number is outside of its bounds.
    """
    if batching is None:
        return
    if not FEWEST_ROWS <= batching.max_rows <= MOST_ROWS:
        raise FieldInvalid(
            f"max_rows must be {FEWEST_ROWS} to {MOST_ROWS}; it is {batching.max_rows}",
            field="model.batching.max_rows",
        )
    if not 0 <= batching.max_delay_ns <= LONGEST_DELAY_NS:
        raise FieldInvalid(
            "max_delay must be 0 to 1 second, a few milliseconds as a rule",
            field="model.batching.max_delay",
        )
