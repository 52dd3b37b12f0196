"""Frames and Arrow data of every kind become the same columns."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pyarrow as pa
import pytest

from modelyard import ModelyardError
from modelyard.frames import read_columns

VALUES: dict[str, list[Any]] = {
    "length": [39.5, None, 46.1],
    "island": ["Dream", None, "Torgersen"],
    "year": [2007, 2008, 2009],
    "tagged": [True, False, True],
}


class Foreign:
    """Arrow data of a library that nobody knows."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


FORMS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas, nullable": lambda values: pd.DataFrame(values).convert_dtypes(),
    "pandas over Arrow": lambda values: pd.DataFrame(values).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": pl.DataFrame,
    "pyarrow table": pa.table,
    "pyarrow table of pieces": lambda values: pa.concat_tables(
        [pa.table(values).slice(0, 2), pa.table(values).slice(2)]
    ),
    "pyarrow record batch": pa.RecordBatch.from_pydict,
    "other Arrow data": lambda values: Foreign(pa.table(values)),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS.keys())
def test_columns_are_arrays_and_missing_numbers_are_nan(make: Any) -> None:
    found = read_columns(make(VALUES))
    assert list(found) == list(VALUES)
    np.testing.assert_array_equal(found["length"].astype(float), [39.5, np.nan, 46.1])
    assert found["length"].dtype.kind == "f"
    assert found["year"].dtype.kind == "i"
    assert found["tagged"].dtype.kind == "b"
    assert found["island"][[0, 2]].tolist() == ["Dream", "Torgersen"]
    assert pd.isna(found["island"][1])


@pytest.mark.parametrize(
    "form", ["pandas, nullable", "pandas over Arrow", "polars", "pyarrow table"]
)
def test_whole_numbers_with_gaps_are_no_objects(form: str) -> None:
    found = read_columns(FORMS[form]({"year": [2007, None, 2009]}))["year"]
    assert found.dtype.kind == "f"
    np.testing.assert_array_equal(found, [2007, np.nan, 2009])


CODED: dict[str, Callable[[list[str | None]], Any]] = {
    "pandas": lambda texts: pd.DataFrame({"island": pd.Categorical(texts)}),
    "polars": lambda texts: pl.DataFrame({"island": texts}, schema={"island": pl.Categorical()}),
    "pyarrow": lambda texts: pa.table({"island": pa.array(texts).dictionary_encode()}),
}


@pytest.mark.parametrize("make", CODED.values(), ids=CODED.keys())
def test_codes_of_categories_become_the_categories(make: Any) -> None:
    found = read_columns(make(["Dream", None, "Biscoe"]))["island"].tolist()
    assert (found[0], found[2]) == ("Dream", "Biscoe")
    assert pd.isna(found[1])


def test_dates_stay_what_they_are() -> None:
    found = read_columns(pa.table({"day": [dt.date(2026, 1, 1)]}))["day"]
    assert found.dtype.kind in "MO"


def refusal(table: Any) -> str:
    with pytest.raises(ModelyardError) as caught:
        read_columns(table)
    return caught.value.message


def test_two_columns_of_one_name_are_refused() -> None:
    assert refusal(pd.DataFrame([[1, 2]], columns=["a", "a"])) == "column 'a' is there twice"
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert refusal(twice) == "column 'a' is there twice"


def test_a_lazy_frame_is_refused() -> None:
    assert refusal(pl.LazyFrame({"a": [1]})).startswith("a lazy frame has no rows yet")


def test_other_arrow_data_is_read_by_whatever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Foreign(pa.table({"a": [1.5]}))
    hidden: set[str] = {"pyarrow"}

    def import_if_there(name: str) -> Any:
        if name in hidden:
            raise ImportError
        return {"pyarrow": pa, "polars": pl}[name]

    monkeypatch.setattr("modelyard.frames.import_module", import_if_there)
    assert read_columns(table)["a"].tolist() == [1.5]
    hidden.add("polars")
    assert refusal(table) == "to read this Arrow data, pyarrow or polars must be installed"
