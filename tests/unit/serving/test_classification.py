from typing import Any

import numpy as np
import pytest

from registry.datatypes import NUMPY_TYPES
from serving.classification import classify
from tests.unit.serving.refused import refused


def picked(values: Any, wanted: int, labels: tuple[str, ...] = (), *, by_row: bool = True) -> Any:
    return classify("y", np.asarray(values), wanted, labels, by_row=by_row).tolist()


def test_each_row_has_its_highest_elements_first() -> None:
    values = np.array([[0.25, 3.3, -1], [5, 5, 7]], np.float32)
    assert picked(values, 2) == [["3.300000:1", "0.250000:0"], ["7.000000:2", "5.000000:0"]]
    assert picked(values, 1, ("a", "b", "c")) == [["3.300000:1:b"], ["7.000000:2:c"]]


def test_labels_are_left_out_where_they_are_not_of_the_elements() -> None:
    assert picked([[1.0, 2.0]], 1, ("a", "b", "c")) == [["2.000000:1"]]


def test_a_model_without_rows_has_one_list() -> None:
    assert picked([[1.0, 2.0], [4.0, 3.0]], 3, by_row=False) == [
        "4.000000:2",
        "3.000000:3",
        "2.000000:1",
    ]


@pytest.mark.parametrize("datatype", ["INT8", "UINT8", "INT64", "UINT64", "INT32", "UINT16"])
def test_whole_numbers_of_every_kind(datatype: str) -> None:
    limits = np.iinfo(NUMPY_TYPES[datatype])
    values = np.array([[limits.min, limits.max, 1]], limits.dtype)
    assert picked(values, 9) == [[f"{limits.max}:1", "1:2", f"{limits.min}:0"]]


def test_what_is_no_number_comes_last_and_the_infinite_first() -> None:
    values = np.array([[np.nan, -np.inf, 1, np.inf]])
    assert picked(values, 4) == [["inf:3", "1.000000:2", "-inf:1", "nan:0"]]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_an_output_without_elements_has_none(shape: tuple[int, int]) -> None:
    array = classify("y", np.zeros(shape, np.float32), 2, (), by_row=True)
    assert array.shape == (shape[0], 0 if shape[1] == 0 else 2)


@pytest.mark.parametrize("datatype", ["BOOL", "FP16", "BYTES"])
def test_other_types_are_refused(datatype: str) -> None:
    with refused('outputs["y"].parameters["classification"]', "neither FP32"):
        picked(np.zeros((1, 2), NUMPY_TYPES[datatype]), 1)


def test_a_million_elements_are_the_most() -> None:
    with refused('outputs["y"].parameters["classification"]', "1000001"):
        picked(np.zeros((1, 1_000_001), np.float32), 1)
