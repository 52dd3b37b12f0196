import pytest

from benchmarks.measuring import Cell
from benchmarks.summary import Results, server_us


def cell(server: str, number: int, calls: int, server_seconds: float = 1.0) -> Cell:
    return Cell("load", server, number, calls, 2.0, server_seconds)


def test_ratios_are_taken_within_rounds() -> None:
    # The machine was half as quick in the second round; the ratio was the same.
    results = Results([cell("a", 0, 400), cell("b", 0, 100), cell("a", 1, 200), cell("b", 1, 50)])
    assert results.compare(("load", "a"), ("load", "b")) == pytest.approx(4.0)
    assert results.compare(("load", "a"), ("load", "b"), server_us) == pytest.approx(0.25)
    assert results.compare(("load", "a"), ("other", "b")) is None


def test_a_summary_has_medians_and_extremes() -> None:
    found = Results([cell("a", n, calls) for n, calls in enumerate((100, 300, 200))]).summarize(
        "load", "a"
    )
    assert found
    assert (found.rate, found.lowest, found.highest) == (100.0, 50.0, 150.0)
    assert found.server_us == pytest.approx(5000.0)
    assert found.p99_ms is None
