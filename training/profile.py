"""The profile of a table, gathered batch by batch in memory that does not grow with its rows."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import polars as pl

from training.columns import Column, ColumnType, Histogram, Quantile, Table, ValueCount
from training.sketches import DistinctCount, Floats, FrequentValues, Moments, RowSample
from training.table_warnings import ColumnFacts, TableFacts, TextShapes, find_warnings
from training.typed_frame import column_type

MAX_TOP_VALUES = 20
MAX_VALUE_LENGTH = 200
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
HISTOGRAM_BINS = 20

_NUMBERS = (ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.TIME)
_MICROSECONDS = 1e6


class Profiler:
    """Describes a table whose rows come in batches.

    Args:
        schema: The columns, of the types that tables are kept in.
    """

    def __init__(self, schema: pl.Schema) -> None:
        width = max(1, len(schema))
        self._sample = RowSample(_share(5_000_000, width, 1_000, 100_000))
        self._columns = [_ColumnProfile(name, dtype, width) for name, dtype in schema.items()]
        self._rows = 0
        self._distinct_rows = DistinctCount(1 << 20)

    def add(self, frame: pl.DataFrame) -> None:
        """Take more rows; missing is null, no NaN."""
        self._rows += frame.height
        self._distinct_rows.add(frame.hash_rows())
        numbers = [_to_numbers(values) for values in frame if column_type(values.dtype) in _NUMBERS]
        if numbers:
            self._sample.add(pl.DataFrame(numbers))
        for profile, values in zip(self._columns, frame, strict=True):
            profile.add(values)

    def finish(self) -> Table:
        """Return the rows' number, the columns' profiles, and warnings."""
        columns = tuple(profile.finish(self._sample) for profile in self._columns)
        facts = TableFacts(
            row_count=self._rows,
            distinct_rows=self._distinct_rows.count,
            exact=self._distinct_rows.exact,
            columns=tuple(
                profile.describe(column)
                for profile, column in zip(self._columns, columns, strict=True)
            ),
        )
        return Table(self._rows, columns, find_warnings(facts))


class _ColumnProfile:
    """Gathers what is to be known of one column."""

    def __init__(self, name: str, dtype: pl.DataType, width: int) -> None:
        self._name = name
        self._type = column_type(dtype)
        self._missing = 0
        self._distinct = DistinctCount(_share(1 << 24, width, 1_000, 100_000))
        self._frequent = FrequentValues(_share(500_000, width, 100, 10_000), MAX_VALUE_LENGTH)
        self._moments = Moments()
        self._shapes = TextShapes()
        self._digest = hashlib.blake2b(digest_size=16)

    def add(self, values: pl.Series) -> None:
        hashes = values.hash()
        self._digest.update(hashes.to_numpy().data)
        self._distinct.add(hashes.filter(values.is_not_null()) if values.null_count() else hashes)
        self._missing += values.null_count()
        present = values.drop_nulls()
        if self._type in _NUMBERS:
            self._moments.add(_finite(_to_numbers(present)))
        else:
            self._frequent.add(present.cast(pl.String))
        if self._type is ColumnType.TEXT:
            self._shapes.add(present)

    def finish(self, sample: RowSample) -> Column:
        exact = self._distinct.exact
        column = Column(self._name, self._type, self._missing, self._distinct.count)
        if self._type in _NUMBERS:
            column = self._with_numbers(column, sample)
            exact &= sample.exact
        else:
            top = self._frequent.top(MAX_TOP_VALUES)
            column = replace(column, top_values=tuple(ValueCount(*value) for value in top))
        return replace(column, approximate=not exact)

    def _with_numbers(self, column: Column, sample: RowSample) -> Column:
        if not self._moments.count:
            return column
        values = _finite(sample.column(self._name).drop_nulls())
        found = np.quantile(values, QUANTILES, method="inverted_cdf") if values.size else ()
        return replace(
            column,
            minimum=self._moments.minimum,
            maximum=self._moments.maximum,
            mean=self._moments.mean,
            standard_deviation=self._moments.deviation,
            quantiles=tuple(
                Quantile(fraction, float(value))
                for fraction, value in zip(QUANTILES, found, strict=False)
            ),
            histogram=self._count_bins(values),
        )

    def _count_bins(self, values: Floats) -> Histogram | None:
        lower, upper = self._moments.minimum, self._moments.maximum
        if not values.size or not math.isfinite(upper - lower) or lower == upper:
            return None
        # What a sample shows is told for all values.
        scale = self._moments.count / values.size
        counts = np.histogram(values, HISTOGRAM_BINS, (lower, upper))[0] * scale
        return Histogram(lower, upper, tuple(int(count) for count in counts.round()))

    def describe(self, column: Column) -> ColumnFacts:
        return ColumnFacts(column, self._digest.digest(), self._shapes)


def _share(budget: int, width: int, least: int, most: int) -> int:
    """Give each column its share of a budget, within bounds."""
    return max(least, min(most, budget // width))


def _to_numbers(values: pl.Series) -> pl.Series:
    """Turn numbers, or times into seconds since 1970."""
    if values.dtype.is_temporal():
        return values.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / _MICROSECONDS
    return values.cast(pl.Float64)


def _finite(numbers: pl.Series) -> Floats:
    return numbers.filter(numbers.is_finite()).to_numpy()
