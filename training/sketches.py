"""Figures of streams of any length in bounded memory: exact up to a bound, then estimates."""

import math
from typing import Any

import numpy as np
import polars as pl

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]

_HASH_VALUES = 2.0**64


class DistinctCount:
    """Counts different values by the smallest of their hashes ("k minimum values").

    With k hashes kept the count is exact up to k, and off by one part in the square root of
    k after that.

    Args:
        bound: k.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._hashes: Hashes = np.empty(0, np.uint64)
        self.exact = True

    def add(self, hashes: pl.Series) -> None:
        """Take the hashes of more values."""
        if len(self._hashes) == self._bound:
            hashes = hashes.filter(hashes <= self._hashes[-1])
        merged = np.sort(np.concatenate((self._hashes, hashes.unique().to_numpy())))
        # Sorting and comparing neighbours is many times as fast as numpy's own union.
        merged = merged[np.diff(merged, prepend=~merged[:1]) != 0]
        self.exact &= len(merged) <= self._bound
        self._hashes = merged[: self._bound]

    @property
    def count(self) -> int:
        """How many different values there were."""
        if self.exact:
            return len(self._hashes)
        return round((self._bound - 1) / (float(self._hashes[-1]) / _HASH_VALUES))


class FrequentValues:
    """Counts texts, forgetting rare ones when there are too many different ones.

    Args:
        bound: How many are kept.
        longest: How many characters of a text are kept.
    """

    def __init__(self, bound: int, longest: int) -> None:
        self._bound = bound
        self._longest = longest
        schema = {"hash": pl.UInt64, "value": pl.String, "count": pl.UInt32}
        self._counts = pl.DataFrame(schema=schema)

    def add(self, texts: pl.Series) -> None:
        """Take more texts; none is null."""
        found = (
            texts.alias("value")
            .value_counts(name="count")
            .select(
                pl.col("value").hash().alias("hash"),
                pl.col("value").str.slice(0, self._longest),
                pl.col("count").cast(pl.UInt32),
            )
        )
        both = pl.concat([self._counts, found])
        counts = both.group_by("hash").agg(pl.col("value").first(), pl.col("count").sum())
        if counts.height > self._bound:
            counts = counts.top_k(self._bound, by="count")
        self._counts = counts

    def top(self, most: int) -> list[tuple[str, int]]:
        """Return the most frequent texts; of equally frequent ones the first by name come first."""
        order = self._counts.sort(["count", "value"], descending=[True, False])
        return list(order.select("value", "count").head(most).iter_rows())


class RowSample:
    """Keeps a random sample of rows, every row with the same chance; all rows up to a bound.

    Args:
        bound: How many rows are kept.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        # The same file gives the same sample.
        self._random = np.random.default_rng(0)
        # A column's name is never empty.
        self._key = ""
        self._rows: pl.DataFrame | None = None
        self._largest = math.inf
        self.exact = True

    def add(self, rows: pl.DataFrame) -> None:
        """Take more rows: those whose random keys are among the smallest stay."""
        rows = rows.with_columns(pl.Series(self._key, self._random.random(rows.height)))
        rows = rows.filter(pl.col(self._key) < self._largest)
        self._rows = rows if self._rows is None else pl.concat([self._rows, rows])
        if self._rows.height > 2 * self._bound:
            self._cut()

    def _cut(self) -> None:
        if self._rows is not None and self._rows.height > self._bound:
            self._rows = self._rows.bottom_k(self._bound, by=self._key).rechunk()
            self._largest = float(self._rows[self._key].to_numpy().max())
            self.exact = False

    def column(self, name: str) -> pl.Series:
        """Return the sampled values of a column."""
        self._cut()
        return pl.Series(name, [], pl.Float64) if self._rows is None else self._rows[name]


class Moments:
    """Count, range, average and spread of finite numbers, batch by batch.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979.
    """

    def __init__(self) -> None:
        self.count = 0
        self.minimum = math.inf
        self.maximum = -math.inf
        self._mean = 0.0
        self._squares = 0.0

    def add(self, values: Floats) -> None:
        """Take more values; all are finite."""
        if not values.size:
            return
        count = self.count + values.size
        with np.errstate(over="ignore", invalid="ignore"):
            mean = values.mean()
            step = mean - self._mean
            squares = np.square(values - mean).sum()
            self._squares += squares + step * step * (self.count / count * values.size)
            self._mean += step * (values.size / count)
        self.count = count
        self.minimum = min(self.minimum, float(values.min()))
        self.maximum = max(self.maximum, float(values.max()))

    @property
    def mean(self) -> float | None:
        """The average; None if it overflowed."""
        return _finite_or_none(float(self._mean))

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation, 0 for one value; None if it overflowed."""
        if self.count < 2:  # noqa: PLR2004  one value does not deviate
            return 0.0
        return _finite_or_none(math.sqrt(self._squares / (self.count - 1)))


def _finite_or_none(value: float) -> float | None:
    """Drop a figure that overflowed, as JSON has no infinity."""
    return value if math.isfinite(value) else None
