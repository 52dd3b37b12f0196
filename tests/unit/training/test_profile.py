"""Profiles and warnings, small and beyond what is counted exactly."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.columns import Histogram, Quantile, Table
from training.ingest import ingest, profile_table
from training.ingesting import COPY_FILE, IngestRequest
from training.sketches import DistinctCount, FrequentValues, Moments, RowSample
from training.table_warnings import MAX_WARNINGS

ROWS = 300


def columns_of(reason: str, table: Table) -> list[str]:
    return [warning.column for warning in table.warnings if warning.reason == reason]


def test_distinct_values_are_exact_up_to_the_bound_then_nearly() -> None:
    count = DistinctCount(1000)
    for start in range(0, 1000, 100):
        count.add(pl.Series(range(start, start + 100)).hash())
        count.add(pl.Series(range(start, start + 100)).hash())
    assert (count.count, count.exact) == (1000, True)
    count.add(pl.Series(range(200_000)).hash())
    assert not count.exact
    assert count.count == pytest.approx(200_000, rel=0.1)


def test_frequent_values_survive_a_flood_of_rare_ones() -> None:
    counts = FrequentValues(50, 5)
    for number in range(100):
        rare = [f"rare {number} {index}" for index in range(100)]
        counts.add(pl.Series(["often", "often", "often", "sometimes", "sometimes", *rare]))
    assert counts.top(2) == [("often", 300), ("somet", 200)]


def test_moments_of_batches_are_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(1e6, 1, 10_001)
    moments = Moments()
    for part in np.array_split(values, 17):
        moments.add(part)
    assert moments.mean == pytest.approx(values.mean(), rel=1e-14)
    assert moments.deviation == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert (moments.minimum, moments.maximum) == (values.min(), values.max())


def test_a_sample_is_fair_and_bounded() -> None:
    sample = RowSample(1000)
    for start in range(0, 100_000, 5000):
        sample.add(pl.DataFrame({"x": range(start, start + 5000)}))
    values = sample.column("x")
    assert (len(values), sample.exact) == (1000, False)
    assert values.mean() == pytest.approx(50_000, rel=0.1)


def test_numbers_and_times_have_quantiles_and_a_histogram() -> None:
    begin = datetime(1970, 1, 1)  # noqa: DTZ001
    frame = pl.DataFrame(
        {
            "n": [float(number) for number in range(101)],
            "t": [begin + timedelta(seconds=number) for number in range(101)],
        }
    )
    for column in profile_table(frame).columns:
        assert column.quantiles[3] == Quantile(0.5, 50.0)
        assert (column.minimum, column.maximum, column.mean) == (0, 100, 50)
        assert column.histogram
        assert column.histogram.counts == (5,) * 19 + (6,)
        assert not column.approximate


def test_numbers_too_far_apart_have_no_histogram() -> None:
    (vast,) = profile_table(pl.DataFrame({"x": [-1e308, 1e308]})).columns
    assert vast.histogram is None
    assert vast.quantiles[0].value == -1e308


def test_a_long_table_is_described_by_estimates_that_say_so() -> None:
    rows = 250_000
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"x": random.normal(size=rows), "k": random.integers(0, 9, rows)})
    x, k = profile_table(frame).columns
    assert x.approximate
    assert x.distinct_count == pytest.approx(rows, rel=0.02)
    assert x.quantiles[3].value == pytest.approx(0, abs=0.02)
    assert isinstance(x.histogram, Histogram)
    assert sum(x.histogram.counts) == pytest.approx(rows, rel=1e-3)
    assert k.distinct_count == 9
    assert x.mean == pytest.approx(float(frame["x"].mean()), abs=1e-12)  # type: ignore[arg-type]  # a mean of floats is one


@pytest.fixture
def troubled() -> Table:
    """A table with one trouble a column."""
    index = np.arange(ROWS)
    frame = pl.DataFrame(
        {
            "good": index % 7,
            "constant": [1] * ROWS,
            "id": [f"user {number}" for number in index],
            "row": index + 1000,
            "copy": index % 7,
            "rare": [1.5 if number % 9 == 0 else None for number in index],
            "date": [f"{number % 28 + 1:02}/03/2024" for number in index],
            "mixed": ["unknown" if number % 9 == 0 else str(number % 5) for number in index],
            "comma": [f"{number % 5},5" for number in index],
            "word": [f"kind {number % 5}" for number in index],
        }
    )
    return profile_table(frame)


@pytest.mark.parametrize(
    ("reason", "columns"),
    [
        ("CONSTANT", ["constant"]),
        ("IDENTIFIER_LIKE", ["id", "row"]),
        ("DUPLICATE_COLUMN", ["copy"]),
        ("MOSTLY_MISSING", ["rare"]),
        ("DATE_AS_TEXT", ["date"]),
        ("MIXED_TYPES", ["mixed"]),
        ("NUMBERS_AS_TEXT", ["comma"]),
        ("DUPLICATE_ROWS", []),
    ],
)
def test_each_trouble_is_told_of_its_column_alone(
    troubled: Table, reason: str, columns: list[str]
) -> None:
    assert columns_of(reason, troubled) == columns


def test_warnings_name_what_stands_in_the_way(troubled: Table) -> None:
    (mixed,) = [it.message for it in troubled.warnings if it.reason == "MIXED_TYPES"]
    assert "'unknown'" in mixed


def test_repeated_rows_are_counted() -> None:
    table = profile_table(pl.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "x", "x", "y"]}))
    (warning,) = [it for it in table.warnings if it.reason == "DUPLICATE_ROWS"]
    assert warning.message.startswith("1 of 4 rows")


def test_warnings_are_bounded() -> None:
    table = profile_table(pl.DataFrame({f"c{number}": [1, 1] for number in range(300)}))
    assert len(table.warnings) == MAX_WARNINGS + 1
    assert table.warnings[-1].reason == "MORE_WARNINGS"


@pytest.mark.parametrize(
    "write",
    [
        pl.DataFrame.write_csv,
        pl.DataFrame.write_parquet,
        pl.DataFrame.write_ipc,
        pl.DataFrame.write_ipc_stream,
    ],
)
def test_every_form_gives_the_same_copy_profile_and_preview(
    tmp_path: Path, write: Callable[[pl.DataFrame, Path], None]
) -> None:
    frame = pl.DataFrame(
        {
            "i": [1, None, 3],
            "f": [0.5, 1e300, float("inf")],
            "b": [True, False, None],
            "t": ["x", "é" * 300, None],
            "d": [datetime(2024, 1, 2, 3, 4, 5, 6), None, datetime(1969, 1, 1)],  # noqa: DTZ001
        }
    )
    write(frame, tmp_path / "table")
    outcome = ingest(IngestRequest(str(tmp_path / "table")), tmp_path)
    assert outcome.table
    assert pl.read_parquet(tmp_path / COPY_FILE).equals(frame)
    assert outcome.table.columns == profile_table(frame).columns
    first, second, _ = outcome.table.preview
    assert first == ("1", "0.5", "true", "x", "2024-01-02 03:04:05.000006")
    assert second[3] == "é" * 200
