"""What typed callers get for what they send."""

import math
from typing import Any

import numpy as np
import pytest
from onnx import helper

from registry.batching import Batching
from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature
from serving.errors import InputInvalid, ModelRunFailed
from serving.policy import ServingPolicy
from tests.unit.serving import graphs
from tests.unit.serving.graphs import spec
from tests.unit.serving.typed.shelf import Shelf

CLASSES = ("Adelie", "Gentoo", "Chinstrap")
SCORES = Signature(
    (spec("scores", "FP32", -1, 3), spec("island", "BYTES", -1, 1)),
    (spec("label", "BYTES", -1, 1), spec("probabilities", "FP32", -1, 3)),
)
ROW = {"length": 1.5, "count": 2, "island": "Dream"}


def scores() -> bytes:
    """Answer the island as label, and the scores as probabilities."""
    nodes = [
        helper.make_node("Identity", ["island"], ["label"]),
        helper.make_node("Identity", ["scores"], ["probabilities"]),
    ]
    return graphs.build(nodes, SCORES)


@pytest.fixture
async def mixed(shelf: Shelf) -> Shelf:
    shelf.add(7, graphs.mixed(), graphs.MIXED)
    await shelf.follow()
    return shelf


async def test_a_row_is_answered_by_name(mixed: Shelf) -> None:
    assert await mixed.call("Predict", ROW) == {
        "label": "Dream",
        "sum": 3.5,
        "model_version": "7",
    }


async def test_zero_is_there_and_what_is_absent_is_missing(mixed: Shelf) -> None:
    zero = await mixed.call("Predict", {"length": 0, "count": 0, "island": ""})
    assert zero == {"label": "", "sum": 0.0, "model_version": "7"}
    missing = await mixed.call("Predict", {"count": 0})
    assert math.isnan(float(missing["sum"]))
    assert missing["label"] == ""


@pytest.mark.parametrize("method", ["Predict", "BatchPredict"])
async def test_what_never_misses_is_asked_for_by_name(mixed: Shelf, method: str) -> None:
    many = method == "BatchPredict"
    with pytest.raises(InputInvalid, match="count: is missing") as refused:
        await mixed.call(method, {"length": [1.0] if many else 1.0})
    assert [field for field, _ in refused.value.violations] == ["count"]


async def test_many_rows_come_in_columns(mixed: Shelf) -> None:
    answer = await mixed.call(
        "BatchPredict",
        {"length": [1.5, "NaN", 0.5], "count": [1, 2, 3], "island": ["a", "", "c"]},
    )
    assert answer["label"] == ["a", "", "c"]
    assert answer["sum"] == [2.5, "NaN", 3.5]
    without = await mixed.call("BatchPredict", {"count": [1, 2]})
    assert without == {"label": ["", ""], "sum": ["NaN", "NaN"], "model_version": "7"}


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"length": [1, 2], "count": [1]}, ["count"]),
        ({"length": [1], "count": [1, 2], "island": ["a"]}, ["length", "island"]),
        ({}, ["length"]),
    ],
)
async def test_columns_of_different_lengths_are_refused(
    mixed: Shelf, fields: dict[str, Any], at_fault: list[str]
) -> None:
    with pytest.raises(InputInvalid) as refused:
        await mixed.call("BatchPredict", fields)
    assert [field for field, _ in refused.value.violations] == at_fault


async def test_rows_in_one_call_are_bounded(mixed: Shelf) -> None:
    mixed.predictor.policy = ServingPolicy(input_elements=6)
    assert await mixed.call("BatchPredict", {"count": [1, 2]})
    with pytest.raises(InputInvalid, match="count: has 3 rows; this server takes 2"):
        await mixed.call("BatchPredict", {"count": [1, 2, 3]})


async def test_lists_and_probabilities_by_class(shelf: Shelf) -> None:
    shelf.add(1, scores(), SCORES, CLASSES)
    await shelf.follow()
    one = await shelf.call("Predict", {"scores": [0.5, 0.25, 0.25], "island": "x"})
    assert one["probabilities"] == {"Adelie": 0.5, "Gentoo": 0.25, "Chinstrap": 0.25}
    many = await shelf.call("BatchPredict", {"scores": [1, 2, 3, 4, 5, 6], "island": ["x", "y"]})
    assert many == {
        "label": ["x", "y"],
        "probabilities": {
            "Adelie": {"values": [1, 4]},
            "Gentoo": {"values": [2, 5]},
            "Chinstrap": {"values": [3, 6]},
        },
        "model_version": "1",
    }
    for method, short in (("Predict", [1, 2]), ("BatchPredict", [1, 2, 3, 4])):
        with pytest.raises(InputInvalid, match="scores: has"):
            await shelf.call(method, {"scores": short})
    missing = await shelf.call("Predict", {"island": "x"})
    assert set(missing["probabilities"].values()) == {"NaN"}


@pytest.mark.parametrize("tail", [(), (1,), (2,)])
@pytest.mark.parametrize("datatype", NUMPY_TYPES)
async def test_every_type_goes_in_and_comes_out(
    shelf: Shelf, datatype: str, tail: tuple[int, ...]
) -> None:
    content, signature = graphs.identity(datatype, -1, *tail)
    shelf.add(1, content, signature)
    await shelf.follow()
    dtype = NUMPY_TYPES[datatype]
    values: Any = {"b": [True, False], "O": ["Ä", ""], "f": [1.5, -2.5]}.get(dtype.kind)
    if dtype.kind in "iu":
        values = [int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)]
    is_wide = datatype in {"INT64", "UINT64"}  # JSON has them as text
    wanted = [str(value) for value in values] if is_wide else values
    many = await shelf.call("BatchPredict", {"x": values})
    assert many["y"] == wanted
    if tail == (2,):
        assert (await shelf.call("Predict", {"x": values}))["y"] == wanted
    else:
        assert [(await shelf.call("Predict", {"x": value}))["y"] for value in values] == wanted


@pytest.mark.parametrize(
    ("datatype", "value"), [("INT8", 128), ("UINT16", 65_536), ("INT16", -32_769), ("FP16", 1e5)]
)
async def test_values_beyond_a_narrow_type_are_refused(
    shelf: Shelf, datatype: str, value: float
) -> None:
    content, signature = graphs.identity(datatype, -1, 1)
    shelf.add(1, content, signature)
    await shelf.follow()
    with pytest.raises(InputInvalid, match="x: is"):
        await shelf.call("Predict", {"x": value})
    with pytest.raises(InputInvalid) as refused:
        await shelf.call("BatchPredict", {"x": [0, value]})
    assert refused.value.field == "x[1]"


@pytest.mark.parametrize("method", ["Predict", "BatchPredict"])
async def test_a_field_that_nobody_knows_is_refused_by_its_number(
    mixed: Shelf, method: str
) -> None:
    handler = mixed.find(method, 1)
    request = handler.request_deserializer(b"\x28\x01")  # field 5, a whole number
    with pytest.raises(InputInvalid, match="5: is the number of no field"):
        handler.unary_unary(request, None)


async def test_a_model_that_takes_long_runs_in_a_thread(shelf: Shelf) -> None:
    shelf.add(1, graphs.slow(), graphs.ADDER)
    await shelf.follow()
    assert await shelf.call("Predict", {"x": 4.0}) == {"y": 4.0, "model_version": "1"}
    with pytest.raises(InputInvalid):
        await shelf.call("BatchPredict", {})


async def test_callers_of_both_services_share_a_run(mixed: Shelf) -> None:
    mixed.set(batching=Batching(max_rows=2, max_delay_ns=10**9))
    await mixed.follow()
    mixed.predictor._follow_batching()
    behavior: Any = mixed.find("Predict", 1).unary_unary
    waiting = [behavior(mixed.parse("Predict", {**ROW, "count": n}, 1), None) for n in (1, 2)]
    assert [(await answer).sum for answer in waiting] == [2.5, 3.5]
    handle = mixed.predictor.find("m", 1)
    assert handle
    assert handle.statistics
    assert [rows for rows, _ in handle.statistics.list_batches()] == [2]


async def test_failures_are_counted_and_answered(shelf: Shelf) -> None:
    shelf.add(1, graphs.picker(), graphs.PICKER)
    await shelf.follow()
    assert (await shelf.call("Predict", {"index": 1}))["y"] == 2.0
    with pytest.raises(ModelRunFailed):
        await shelf.call("Predict", {"index": 5})
    shelf.set(batching=Batching(max_rows=8, max_delay_ns=0))
    await shelf.follow()
    shelf.predictor._follow_batching()
    with pytest.raises(ModelRunFailed):
        await shelf.call("Predict", {"index": 5})
    handle = shelf.predictor.find("m", 1)
    assert handle
    assert handle.statistics
    assert handle.statistics.failures == 2


async def test_another_number_of_rows_than_asked_for_is_no_answer(shelf: Shelf) -> None:
    shelf.add(1, graphs.only_positive(), graphs.ADDER)
    await shelf.follow()
    assert (await shelf.call("Predict", {"x": 1.0}))["y"] == 1.0
    for method, value in (("Predict", -1.0), ("BatchPredict", [1.0, -1.0])):
        with pytest.raises(ModelRunFailed, match="another number of rows"):
            await shelf.call(method, {"x": value})


async def test_a_stream_answers_in_order_until_a_row_fails(mixed: Shelf) -> None:
    rows = [{**ROW, "count": n} for n in range(100)]
    answers = [answer async for answer in mixed.stream(rows)]
    assert [answer["sum"] for answer in answers] == [1.5 + n for n in range(100)]
    answering = mixed.stream([ROW, {"length": 1.0}, ROW])
    assert (await anext(answering))["sum"] == 3.5
    with pytest.raises(InputInvalid, match="count"):
        await anext(answering)
