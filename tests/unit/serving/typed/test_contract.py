"""What is said of input that training did not see."""

from typing import Any

import pytest

from registry.input_contract import InputContract
from registry.signature import Signature, TensorSpec
from serving.errors import InputContractViolated
from serving.typed.contract import MOST_WARNINGS
from tests.unit.serving import graphs
from tests.unit.serving.typed.shelf import Shelf

SEEN = Signature(
    (
        # As FP32 it is less than as a double: the value itself is within the range.
        TensorSpec("length", "FP32", (-1, 1), minimum=32.1, maximum=59.6),
        TensorSpec("count", "INT64", (-1, 1), minimum=0, maximum=10),
        TensorSpec("island", "BYTES", (-1, 1), categories=("Biscoe", "Dream")),
    ),
    graphs.MIXED.outputs,
)
USUAL = {"length": 32.1, "count": 10, "island": "Dream"}
ODD = {"length": 60, "count": -1, "island": "Atlantis"}


@pytest.fixture
async def seen(shelf: Shelf) -> Shelf:
    shelf.add(1, graphs.mixed(), SEEN)
    await shelf.follow()
    return shelf


async def ask(shelf: Shelf, contract: InputContract, fields: dict[str, Any]) -> list[Any]:
    shelf.set(contract=contract)
    await shelf.follow()
    answer = await shelf.call("Predict", fields)
    return [(w["field"], w["reason"]) for w in answer.get("warnings", [])]


EVERYTHING = [
    ("length", "OUT_OF_RANGE"),
    ("count", "OUT_OF_RANGE"),
    ("island", "UNSEEN_CATEGORY"),
]


@pytest.mark.parametrize(
    ("contract", "plain", "explained"),
    [
        (InputContract.EXPLAIN, [], EVERYTHING),
        (InputContract.WARN, EVERYTHING, EVERYTHING),
        (InputContract.IGNORE, [], []),
    ],
)
async def test_warnings_come_where_they_are_wanted(
    seen: Shelf, contract: InputContract, plain: list[Any], explained: list[Any]
) -> None:
    assert await ask(seen, contract, ODD) == plain
    assert await ask(seen, contract, {**ODD, "explain": True}) == explained
    assert await ask(seen, contract, {**USUAL, "explain": True}) == []
    assert await ask(seen, contract, {"count": 1, "explain": True}) == []  # missing is not odd


async def test_a_strict_model_refuses_with_every_field_at_fault(seen: Shelf) -> None:
    assert await ask(seen, InputContract.REFUSE, USUAL) == []
    with pytest.raises(InputContractViolated, match=r"length: is 60.* \(and 2 more\)") as refused:
        await ask(seen, InputContract.REFUSE, ODD)
    assert [field for field, _ in refused.value.violations] == ["length", "count", "island"]
    with pytest.raises(InputContractViolated) as in_batch:
        await seen.call("BatchPredict", {"count": [1, 11], "island": ["Dream", "Mars"]})
    assert [field for field, _ in in_batch.value.violations] == ["count[1]", "island[1]"]


async def test_warnings_of_many_rows_name_the_row_within_a_bound(seen: Shelf) -> None:
    fields = {"count": [*range(12)], "island": ["Mars"] * 12, "explain": True}
    warnings = (await seen.call("BatchPredict", fields))["warnings"]
    assert warnings[0] == {
        "field": "count",
        "row": "11",
        "reason": "OUT_OF_RANGE",
        "message": "is 11; training saw 0 to 10",
    }
    assert [w.get("row", "0") for w in warnings[1:]] == [str(row) for row in range(12)]
    many = {"count": [99] * 1000, "island": ["Mars"] * 1000, "explain": True}
    assert len((await seen.call("BatchPredict", many))["warnings"]) == MOST_WARNINGS


async def test_where_not_all_categories_are_known_none_is_odd(shelf: Shelf) -> None:
    categories = tuple(f"c{i}" for i in range(100))
    signature = Signature(
        (*SEEN.inputs[:2], TensorSpec("island", "BYTES", (-1, 1), categories=categories)),
        SEEN.outputs,
    )
    shelf.add(1, graphs.mixed(), signature)
    await shelf.follow()
    assert await ask(shelf, InputContract.WARN, {**USUAL, "island": "c100"}) == []


@pytest.mark.parametrize("method", ["Predict", "BatchPredict"])
async def test_a_column_that_is_not_used_any_more_is_told(seen: Shelf, method: str) -> None:
    sums = Signature((SEEN.inputs[2], SEEN.inputs[1]), SEEN.outputs)
    assert seen.add(2, graphs.mixed_without_length(), sums) == 1
    await seen.follow()
    many = method == "BatchPredict"
    row = {"length": 40, "count": 3, "island": "Dream"}
    fields: dict[str, Any] = {name: [v] for name, v in row.items()} if many else dict(row)
    answer = await seen.call(method, {**fields, "explain": True})
    assert answer["model_version"] == "2"
    assert answer["warnings"] == [
        {
            "field": "length",
            "reason": "COLUMN_IGNORED",
            "message": "is not used by the version that answered",
        }
    ]
