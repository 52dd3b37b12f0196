"""Times to parts of the calendar, by whole numbers alone.

The date of a day number is found as by Howard Hinnant's `civil_from_days`
(howardhinnant.github.io/date_algorithms.html): days are counted from a first of March, so that
a leap day is the last of its year. Each formula is written once and works on NumPy's arrays and
on tensors of a graph, so both sides agree. Cycles are read from a table: two libraries' sines
of the same angle may differ in their last bit.
"""

from functools import cached_property
from typing import Any, Self

import numpy as np
from onnx import TensorProto
from sklearn.base import BaseEstimator, TransformerMixin

from training.features.rows import Array
from training.features.whole_numbers import WholeNumbers
from training.onnx_graph import OnnxGraph

DAY = 86_400
_DAYS_OF_ERA = 146_097  # 400 years, after which the calendar repeats
_EPOCH = 719_468  # days from 0000-03-01 to 1970-01-01
_MARCH_TO_JANUARY = 306  # days
_CYCLES = {"month_cycle": 12, "weekday_cycle": 7, "hour_cycle": 24, "day_of_year_cycle": 366}
_FIRST_IS_ONE = ("month", "day_of_year")


def count_days(year: Any, month: Any, day: Any) -> Any:
    """Count the days from 1970-01-01 to a date; years from 1, whole numbers as in `Moment`."""
    march_year = year - 1 + (month + 9) // 12
    march_month = (month + 9) % 12
    of_year = (march_month * 153 + 2) // 5 + day - 1
    leaps = march_year // 4 - march_year // 100 + march_year // 400
    return march_year * 365 + leaps + of_year - _EPOCH


class Moment:
    """The parts of a time.

    Args:
        seconds: Since 1970, from the year 0 to the year 10000: an INT64 array or
            `WholeNumbers`. The parts are of the same kind.
    """

    def __init__(self, seconds: Any) -> None:
        # Never negative: division then rounds down on both sides.
        self._seconds = seconds + _EPOCH * DAY

    @cached_property
    def _days(self) -> Any:
        return self._seconds // DAY

    @cached_property
    def _day_of_era(self) -> Any:
        return self._days % _DAYS_OF_ERA

    @cached_property
    def _year_of_era(self) -> Any:
        day = self._day_of_era
        return (day - day // 1460 + day // 36_524 - day // 146_096) // 365

    @cached_property
    def _day_from_march(self) -> Any:
        year = self._year_of_era
        return self._day_of_era - (year * 365 + year // 4 - year // 100)

    @cached_property
    def _month_from_march(self) -> Any:
        return (self._day_from_march * 5 + 2) // 153

    @cached_property
    def year(self) -> Any:
        """The year."""
        return self._days // _DAYS_OF_ERA * 400 + self._year_of_era + self._month_from_march // 10

    @cached_property
    def month(self) -> Any:
        """The month, from 1."""
        return self._month_from_march + 3 - self._month_from_march // 10 * 12

    @cached_property
    def day(self) -> Any:
        """The day of the month, from 1."""
        return self._day_from_march - (self._month_from_march * 153 + 2) // 5 + 1

    @cached_property
    def day_of_year(self) -> Any:
        """The day of the year, from 1."""
        before = self.year + 399  # 400 years on, so that the year 0 has one before it
        leaps = before // 4 - before // 100 + before // 400
        return self._days + (_DAYS_OF_ERA - _MARCH_TO_JANUARY + 1) - (before * 365 + leaps)

    @cached_property
    def weekday(self) -> Any:
        """The day of the week, Monday being 0."""
        return (self._days + 2) % 7

    @cached_property
    def hour(self) -> Any:
        """The hour, from 0."""
        return self._seconds % DAY // 3600

    def place_in(self, cycle: str) -> tuple[Any, int]:
        """Tell how far a cycle is, from 0, and how long it is."""
        part = cycle.removesuffix("_cycle")
        value = getattr(self, part)
        return (value - 1 if part in _FIRST_IS_ONE else value), _CYCLES[cycle]


class CalendarParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # has no types
    """Seconds since 1970 to parts; the last time of the training rows is where ages begin.

    Args:
        parts: Names of `Moment`'s parts; cycles, each of which is a sine and a cosine; or
            age_days, the days until the last training time.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts

    def fit(self, seconds: Array, y: object = None) -> Self:
        """Look at the training rows, FP64 [rows, columns]."""
        del y
        self.latest_ = np.floor(seconds).max(axis=0).astype(np.int64)
        return self

    def transform(self, seconds: Array) -> Array:
        """Take the parts, FP64 [rows, parts x columns]."""
        whole = np.floor(seconds).astype(np.int64)
        moment = Moment(whole)
        found = []
        for part in self.parts:
            if part == "age_days":
                found.append((self.latest_ - whole) / float(DAY))
            elif part in _CYCLES:
                place, length = moment.place_in(part)
                found += [table[place] for table in _make_cycle(length)]
            else:
                found.append(getattr(moment, part).astype(np.float64))
        return np.hstack(found)


def _make_cycle(length: int) -> tuple[Array, Array]:
    """Make the sine and the cosine of every place."""
    angles = np.arange(length) * (2 * np.pi / length)
    return np.sin(angles), np.cos(angles)


def add_parts(graph: OnnxGraph, step: CalendarParts, seconds: str) -> str:
    """Add what `CalendarParts` does to an INT64 tensor [rows, columns]; FP64."""
    moment = Moment(WholeNumbers(graph, seconds))
    found = []
    for part in step.parts:
        if part == "age_days":
            found.append(_add_age(graph, step.latest_, seconds))
        elif part in _CYCLES:
            place, length = moment.place_in(part)
            found += [
                graph.add("Gather", graph.add_constant(table), place.name, axis=0)
                for table in _make_cycle(length)
            ]
        else:
            found.append(graph.add("Cast", getattr(moment, part).name, to=TensorProto.DOUBLE))
    return graph.join(found)


def _add_age(graph: OnnxGraph, latest: Array, seconds: str) -> str:
    age = graph.add("Sub", graph.add_constant(latest), seconds)
    age = graph.add("Cast", age, to=TensorProto.DOUBLE)
    return graph.add("Div", age, graph.add_constant(np.array(float(DAY))))
