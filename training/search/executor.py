"""Where trials are run. Here: one after another, in this process.

`ray_executor` runs them on the machines of a cluster.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.errors import DomainError
from training.refusal import FitRefused
from training.search.proposals import Proposal

Measure = Callable[[Proposal], float]
"""Fits and validates one trial; returns the value of the metric."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a trial ended.

    Attributes:
        value: What was measured; None if it failed.
        seconds: How long it took.
        message: Why it failed.
        place: Where it ran, if that was not here.
    """

    value: float | None
    seconds: float
    message: str = ""
    place: str = ""


class TrialExecutor(Protocol):
    """Runs trials, side by side if it can."""

    @property
    def width(self) -> int:
        """How many trials it runs side by side."""

    def run(self, proposals: Sequence[Proposal]) -> Generator[Measured]:
        """Run trials; yield how they ended, in the order in which they were given.

        The generator may be closed before the last one: nobody waits for the rest then.
        """


class LocalExecutor:
    """Runs trials one after another in this process.

    Args:
        measure: Fits and validates one trial.
    """

    width = 1

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def run(self, proposals: Sequence[Proposal]) -> Generator[Measured]:
        """Run trials; settings that a trainer can't work with make a trial fail, not the search."""
        for proposal in proposals:
            began = time.monotonic()
            try:
                value, message = self._measure(proposal), ""
            except (FitRefused, DomainError, ValueError, ArithmeticError) as error:
                value, message = None, " ".join(str(error).split())[:500]
            yield Measured(value, time.monotonic() - began, message)
