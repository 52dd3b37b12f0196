"""The canary's process, and what its calls tell."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.contract.processes import read_line, running


@dataclass
class Canary:
    """What became of the calls; filled when the canary is done.

    Attributes:
        calls: When each began, how long it took, in seconds, and whether it failed.
    """

    calls: list[tuple[float, float, bool]] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """How many calls failed."""
        return sum(failed for _, _, failed in self.calls)

    def latencies(self, spans: list[tuple[float, float]]) -> list[float]:
        """The durations of the calls that began within one of the spans, rising."""
        return sorted(
            seconds
            for began, seconds, _ in self.calls
            if any(begin <= began < end for begin, end in spans)
        )


@contextmanager
def calling(address: str, canary: Canary) -> Iterator[int]:
    """Have a canary call while the context is open; give the id of its process."""
    with running("tests.attack.canary", address) as process:
        assert process.stdin
        assert process.stdout
        assert read_line(process.stdout) == "calling\n"
        yield process.pid
        process.stdin.close()
        canary.calls += [tuple(call) for call in json.loads(read_line(process.stdout))]
