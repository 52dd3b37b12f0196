"""From measurements to medians and ratios."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.measuring import Cell


@dataclass(frozen=True, slots=True)
class Summary:
    """One server under one load, over all rounds: medians.

    Attributes:
        rate: Calls a second.
        lowest: The lowest rate of a round.
        highest: The highest.
        server_us: Microseconds of the server's processor for a call.
        client_share: How much of its core the client used; near 1 it is what was measured.
        other_share: How much of one core all else on the machine used.
        mean_ms: The mean time of a call in milliseconds, if known.
        p50_ms: Its median, if known.
        p99_ms: Its 99th percentile, if known.
    """

    rate: float
    lowest: float
    highest: float
    server_us: float
    client_share: float
    other_share: float
    mean_ms: float | None
    p50_ms: float | None
    p99_ms: float | None


class Results:
    """All measurements of a run, by load and server."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[tuple[str, str], dict[int, Cell]] = {}
        for cell in cells:
            self._cells.setdefault((cell.case, cell.server), {})[cell.round] = cell

    def servers(self, case: str) -> list[str]:
        """List the servers that had a load."""
        return [server for each, server in self._cells if each == case]

    def summarize(self, case: str, server: str) -> Summary | None:
        """Summarize a server under a load, if it had that."""
        cells = list(self._cells.get((case, server), {}).values())
        if not cells:
            return None
        rates = [cell.rate for cell in cells]
        return Summary(
            rate=median(rates),
            lowest=min(rates),
            highest=max(rates),
            server_us=median(cell.server_seconds / cell.calls * 1e6 for cell in cells),
            client_share=median(cell.client_seconds / cell.seconds for cell in cells),
            other_share=median(cell.other_seconds / cell.seconds for cell in cells),
            mean_ms=_milliseconds(cell.mean_seconds for cell in cells),
            p50_ms=_milliseconds(cell.p50_seconds for cell in cells),
            p99_ms=_milliseconds(cell.p99_seconds for cell in cells),
        )

    def compare(
        self,
        one: tuple[str, str],
        other: tuple[str, str],
        value: Callable[[Cell], float] = lambda cell: cell.rate,
    ) -> float | None:
        """Return how many times the other's value the one's is: the median of the rounds.

        Within a round both were measured soon after each other, so what changes slowly on
        the machine touches both.

        Args:
            one: Load and server.
            other: The same.
            value: What to compare, by default calls a second.
        """
        left, right = self._cells.get(one, {}), self._cells.get(other, {})
        ratios = [value(left[n]) / value(right[n]) for n in left if n in right]
        return median(ratios) if ratios else None


def _milliseconds(values: Iterable[float | None]) -> float | None:
    known = [value * 1e3 for value in values if value is not None]
    return median(known) if known else None


def server_us(cell: Cell) -> float:
    """Return the microseconds of the server's processor for a call."""
    return cell.server_seconds / cell.calls * 1e6
