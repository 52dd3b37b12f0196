import decimal
import re
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pytest

from modelyard import ModelyardError
from modelyard.inference.v1.inference_pb2 import ModelMetadataResponse
from modelyard.rows import to_tensors
from modelyard.tensors import Array

Input = ModelMetadataResponse.TensorMetadata
INPUTS = [
    Input(name="length", datatype="FP32", shape=[-1, 1]),
    Input(name="island", datatype="BYTES", shape=[-1, 1]),
    Input(name="year", datatype="INT16", shape=[-1, 1]),
    Input(name="tagged", datatype="BOOL", shape=[-1, 1]),
]
ROWS: list[dict[str, Any]] = [
    {"length": 39.5, "island": "Dream", "year": 2007, "tagged": True},
    {"length": None, "island": None, "year": 2008, "tagged": False},
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def arrays(rows: Any, inputs: list[Input] = INPUTS) -> dict[str, Array]:
    return {it.name: it.array for it in to_tensors(rows, inputs)}


SEEN = [datetime(2024, 2, 29, 23, 59, 58), None, datetime(1066, 10, 14)]  # noqa: DTZ001  tables have such


@pytest.mark.parametrize(
    "times", [SEEN, np.array(SEEN, "M8[us]"), np.array(SEEN, "M8[s]"), pl.Series(SEEN)]
)
def test_times_become_iso_text(times: Any) -> None:
    found = arrays({"island": times}, INPUTS[1:2])["island"]
    assert found.tolist() == [["2024-02-29T23:59:58"], [""], ["1066-10-14T00:00:00"]]


def test_times_of_pandas_and_days_and_zones_become_iso_text() -> None:
    times = pd.DataFrame({"island": pd.to_datetime(["2024-02-29 12:30:01.5", None])})
    assert arrays(times, INPUTS[1:2])["island"][0, 0] == "2024-02-29T12:30:01.500000"
    days = {"island": [date(2024, 2, 29), datetime(2024, 2, 29, 7, tzinfo=UTC)]}
    found = arrays(days, INPUTS[1:2])["island"]
    assert found.tolist() == [["2024-02-29"], ["2024-02-29T07:00:00+00:00"]]


def refusal(rows: Any, inputs: list[Input] = INPUTS) -> str:
    with pytest.raises(ModelyardError) as caught:
        to_tensors(rows, inputs)
    assert caught.value.reason == "TENSOR_INVALID"
    return caught.value.message


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        COLUMNS,
        {name: np.array(values, dtype=object) for name, values in COLUMNS.items()},
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).convert_dtypes(),
        pl.DataFrame(ROWS),
        [ROWS[0], {"year": 2008, "tagged": 0}],
    ],
    ids=["rows", "columns", "arrays", "pandas", "pandas NA", "polars", "keys left out"],
)
def test_every_form_gives_the_same_tensors(rows: Any) -> None:
    found = arrays(rows)
    assert list(found) == ["length", "island", "year", "tagged"]
    assert [it.shape for it in found.values()] == [(2, 1)] * 4
    assert [it.dtype.str for it in found.values()] == ["<f4", "|O", "<i2", "|b1"]
    np.testing.assert_array_equal(found["length"], [[39.5], [np.nan]])
    assert found["island"].tolist() == [["Dream"], [""]]
    assert found["year"].tolist() == [[2007], [2008]]
    assert found["tagged"].tolist() == [[True], [False]]


def test_one_row_is_a_dict_of_values() -> None:
    found = arrays(ROWS[0])
    assert {name: it.tolist() for name, it in found.items()} == {
        "length": [[39.5]],
        "island": [["Dream"]],
        "year": [[2007]],
        "tagged": [[True]],
    }


def test_no_rows_are_rows() -> None:
    assert {it.shape for it in arrays([]).values()} == {(0, 1)}


def test_names_that_the_model_does_not_know_come_with_close_ones() -> None:
    row = dict(ROWS[0], lenght=1.0)
    assert refusal(row) == (
        "the model has no column 'lenght' (did you mean 'length'?); "
        "it takes length, island, year, tagged"
    )
    assert "did you mean" not in refusal(dict(ROWS[0], zzz=1))
    assert refusal(pd.DataFrame([[1]])).startswith("the model has no column '0'")


def test_a_row_that_is_no_mapping_is_told() -> None:
    assert refusal([ROWS[0], 5]) == "a row is a mapping from column to value; row 1 is int"


def test_columns_that_are_lacking_are_named() -> None:
    row = {"length": 1.0, "year": 2007, "tagged": True}
    assert refusal(row) == "column 'island' is lacking; give None for a value that is not known"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"length": "long"}, "column 'length' must hold a number; row 0 holds 'long' (str)"),
        ({"length": 1j}, "column 'length' must hold a number; row 0 holds 1j (complex)"),
        ({"island": 7}, "column 'island' must hold text; row 0 holds 7 (int)"),
        ({"year": 2007.5}, "column 'year' must hold INT16; row 0 holds 2007.5 (float)"),
        ({"year": "2007"}, "column 'year' must hold a number; row 0 holds '2007' (str)"),
        ({"year": float("inf")}, "column 'year' must hold INT16; row 0 holds inf (float)"),
        (
            {"year": None},
            "column 'year' has no value in row 0; a column of INT16 must have one in each row",
        ),
        (
            {"year": 40_000},
            "column 'year' must hold INT16, from -32768 to 32767; it holds 40000 to 40000",
        ),
        ({"tagged": 2}, "column 'tagged' must hold BOOL, from 0 to 1; it holds 2 to 2"),
        ({"length": [1.0]}, "column 'island' is one value where others hold many"),
    ],
)
def test_cells_that_do_not_fit_are_named(changed: dict[str, Any], message: str) -> None:
    assert refusal({**ROWS[0], **changed}) == message


def test_the_row_of_a_misfit_is_told() -> None:
    assert "row 1 holds 3 (int)" in refusal({**COLUMNS, "island": ["a", 3]})


def test_columns_of_different_lengths_are_refused() -> None:
    assert refusal({**COLUMNS, "length": [1.0]}) == (
        "the columns differ in length: 'length' 1, 'island' 2, 'year' 2, 'tagged' 2"
    )


def test_whole_numbers_of_any_kind_are_taken_as_they_are() -> None:
    wanted = [Input(name="n", datatype="UINT64", shape=[-1, 1])]
    large = 2**63 + 1
    for values in ([large], np.array([large], np.uint64), [decimal.Decimal(large)]):
        assert arrays({"n": values}, wanted)["n"].tolist() == [[large]]
    assert "it holds -1 to" in refusal({"n": [-1, large]}, wanted)


def test_numbers_become_the_type_of_the_model() -> None:
    for datatype, dtype in {"FP16": "<f2", "FP64": "<f8", "BF16": "<f4"}.items():
        wanted = [Input(name="n", datatype=datatype, shape=[-1, 1])]
        found = arrays({"n": [True, 2, np.float32(0.5), decimal.Decimal(4)]}, wanted)["n"]
        assert found.dtype.str == dtype
        assert found.ravel().tolist() == [1, 2, 0.5, 4]
    assert np.isinf(arrays({"n": [1e39]}, [Input(name="n", datatype="FP32", shape=[-1, 1])])["n"])


MATRIX = [Input(name="X", datatype="FP32", shape=[-1, 3])]


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[1, 2, 3], [4, 5, 6]]),
        {"X": np.array([[1, 2, 3], [4, 5, 6]])},
        {"X": [[1, 2, 3], [4, 5, 6]]},
        [{"X": [1, 2, 3]}, {"X": (4, 5, 6)}],
    ],
)
def test_a_matrix_comes_as_an_array_or_as_rows(rows: Any) -> None:
    assert arrays(rows, MATRIX)["X"].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("rows", [np.array([1, 2, 3]), {"X": [1, 2, None]}])
def test_one_row_of_a_matrix_needs_no_second_dimension(rows: Any) -> None:
    assert arrays(rows, MATRIX)["X"].shape == (1, 3)


def test_no_row_of_a_matrix_has_its_width() -> None:
    assert arrays([], MATRIX)["X"].shape == (0, 3)


def test_other_shapes_are_refused() -> None:
    assert refusal(np.zeros((2, 4)), MATRIX) == "input 'X' has shape [-1, 3]; this has [2, 4]"
    assert refusal(np.zeros((1, 2, 3)), MATRIX).endswith("this has [1, 2, 3]")
    assert "lists of different lengths" in refusal({"X": [[1, 2, 3], [4]]}, MATRIX)
    assert re.match("the model takes columns by name: length, island", refusal(np.zeros((2, 4))))
