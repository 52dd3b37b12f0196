from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.signature import Role
from tests.support.feature_graphs import FeatureGraph, make_input
from training.edge_rows import make_edge_rows
from training.feature_checks import TIME_PARTS
from training.feature_steps import FeatureColumn, TimeSteps
from training.features import take_rows
from training.features.calendar import DAY, Moment, count_days
from training.features.times import parse_times

EPOCH = date(1970, 1, 1).toordinal()
PARTS = ("year", "month", "day", "weekday", "hour", "day_of_year", "age_days")
TRAINING = np.array(["2024-02-29", "2023-07-31T12:30:59", "2011-11-11 11:11Z", ""] * 3, object)
LATEST = datetime(2024, 2, 29, tzinfo=UTC)


@pytest.fixture(scope="module")
def graph() -> FeatureGraph:
    declared = [FeatureColumn("t", time=TimeSteps(PARTS, missing_indicator=True))]
    inputs = [make_input("t", Role.TIME)]
    return FeatureGraph(inputs, {"t": TRAINING}, np.arange(12.0), declared)


def _describe(moment: datetime) -> list[float]:
    """Tell by Python's own calendar what the features are; moments are in UTC."""
    age = (LATEST - moment.replace(microsecond=0)).total_seconds() / 86_400
    parts = moment.timetuple()
    weekday = moment.weekday()
    return [
        moment.year, moment.month, moment.day, weekday, moment.hour, parts.tm_yday, age, 0.0
    ]  # fmt: skip


def test_every_day_of_four_centuries_and_every_month_of_a_hundred() -> None:
    whole = np.arange(date(1800, 1, 1).toordinal(), date(2200, 1, 1).toordinal())
    days = np.append(whole, np.arange(1, date.max.toordinal(), 29)) - EPOCH
    moment = Moment(days * DAY + 3599)
    dates = days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]")
    np.testing.assert_array_equal(moment.year, years.astype(int) + 1970)
    np.testing.assert_array_equal(moment.month, dates.astype("datetime64[M]").astype(int) % 12 + 1)
    np.testing.assert_array_equal(
        moment.day, (dates - dates.astype("datetime64[M]")).astype(int) + 1
    )
    np.testing.assert_array_equal(moment.day_of_year, (dates - years).astype(int) + 1)
    np.testing.assert_array_equal(moment.weekday, (days + 3) % 7)
    np.testing.assert_array_equal(count_days(moment.year, moment.month, moment.day), days)
    assert not moment.hour.any()


def test_days_of_ten_thousand_years_in_the_graph(graph: FeatureGraph) -> None:
    every = [date.fromordinal(day) for day in range(1, date.max.toordinal(), 613)]
    every += [date(year, 2, 29) for year in range(4, 9999, 4) if year % 100 or not year % 400]
    every += [date(year, 12, 31) for year in range(1, 9999, 9)]
    found = graph.check({"t": np.array([day.isoformat() for day in every], object)})
    wanted = [_describe(datetime(d.year, d.month, d.day, tzinfo=UTC)) for d in every]
    np.testing.assert_array_equal(found, wanted)


OFFSETS = st.integers(-56, 56).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=OFFSETS)  # noqa: DTZ001  bounds are naive


@settings(max_examples=10, derandomize=True)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=60), separator=st.sampled_from(["T", " "]))
def test_any_moment_is_read_as_python_reads_it(
    graph: FeatureGraph, moments: list[datetime], separator: str
) -> None:
    found = graph.check({"t": np.array([it.isoformat(separator) for it in moments], object)})
    assert found.tolist() == [_describe(it.astimezone(UTC)) for it in moments]


LIKE_TIMES = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9:.Z+-]{0,12})?.?", fullmatch=True
)


@settings(max_examples=10, derandomize=True)
@given(texts=st.lists(LIKE_TIMES, min_size=1, max_size=60))
def test_what_looks_like_a_time_is_one_on_both_sides_or_on_none(
    graph: FeatureGraph, texts: list[str]
) -> None:
    missing = graph.check({"t": np.array(texts, object)})[:, -1]
    for text in np.array(texts, object)[missing == 0.0]:
        datetime.strptime(text[:10], "%Y-%m-%d")  # noqa: DTZ007  a date alone


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01 00:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("1970-01-01T05:30+05:30", 0),
        ("1970-01-01T00:00:00-00:15", 900),
        ("0001-01-01", -62_135_596_800),
        ("9999-12-31T23:59:59", 253_402_300_799),
        ("2000-02-29", 951_782_400),
    ],
)
def test_times_that_are_read(text: str, seconds: int) -> None:
    assert parse_times(np.array([text], object)).tolist() == [seconds]


@pytest.mark.parametrize(
    "text",
    [
        "", "NA", "2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01", "2024-00-10",
        "0000-01-01",
        "2024-01-01T", "2024-01-01T24:00", "2024-01-01T12", "2024-01-01T12:60", "2024-01-01Z",
        "2024-01-01T12:00:60", "2024-01-01T12:00+05:20", "2024-01-01T12:00+15:00", "12024-01-01",
        "2024-01-01\n", " 2024-01-01", "٢024-01-01", "2024-01-01T12:00:00.", "2024/01/01",
    ],
)  # fmt: skip
def test_all_else_is_missing(graph: FeatureGraph, text: str) -> None:
    assert np.isnan(parse_times(np.array([text], object))).all()
    row = graph.check({"t": np.array([text], object)})[0]
    assert row[-1] == 1.0
    median = datetime(2023, 7, 31, 12, 30, 59, tzinfo=UTC)
    assert row[:-1].tolist() == _describe(median)[:-1]


def test_cycles_several_columns_and_no_rows() -> None:
    inputs = [make_input("a", Role.TIME), make_input("b", Role.TIME)]
    rows = {"a": TRAINING, "b": TRAINING[::-1].copy()}
    declared = [FeatureColumn(name, time=TimeSteps(TIME_PARTS)) for name in "ab"]
    for scale in (False, True):
        graph = FeatureGraph(inputs, rows, np.arange(12.0), declared, scale=scale)
        assert graph.check(rows).shape == (12, 2 * (7 + 4 * 2))
        for kind in make_edge_rows(graph.inputs, rows, rows).values():
            graph.check(kind)
        nothing = {name: values[:0] for name, values in rows.items()}
        assert graph.by_graph(nothing).shape == (0, 30)
    hour = FeatureGraph(
        inputs[:1],
        {"a": TRAINING},
        np.arange(12.0),
        [FeatureColumn("a", time=TimeSteps(("hour_cycle",)))],
    )
    six = hour.check({"a": np.array(["2024-01-01 06:59"], object)})
    np.testing.assert_allclose(six, [[1.0, 0.0]], atol=1e-15)


def test_training_times_come_as_text() -> None:
    moments = [datetime(2024, 2, 29, 23, 59, 59, 999_999), None]  # noqa: DTZ001  a table's times may have no zone
    frame = pl.DataFrame(
        {
            "plain": moments,
            "zoned": pl.Series(moments).dt.replace_time_zone("Europe/Berlin"),
            "day": [date(1, 1, 1), None],
            "clock": [time(7), None],
            "lasting": [timedelta(days=1, seconds=1), None],
        }
    )
    rows = take_rows(frame, tuple(make_input(name, Role.TIME) for name in frame.columns))
    assert {name: values[0] for name, values in rows.items()} == {
        "plain": "2024-02-29T23:59:59",
        "zoned": "2024-02-29T22:59:59",
        "day": "0001-01-01",
        "clock": "1970-01-01T07:00:00",
        "lasting": "1970-01-02T00:00:01",
    }
    assert all(values[1] == "" for values in rows.values())
