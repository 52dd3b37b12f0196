"""Services come and go with what is promoted, and leave nothing behind."""

import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pool import DescriptorPool

from registry.errors import FieldInvalid
from registry.signature import Signature
from serving.errors import NotOffered
from tests.unit.serving import graphs
from tests.unit.serving.graphs import spec
from tests.unit.serving.typed.shelf import Details, Shelf

DOUBLE = Signature((spec("x", "FP64", -1, 1),), (spec("y", "FP64", -1, 1),))


def doubler() -> bytes:
    return graphs.identity("FP64", -1, 1)[0]


async def test_callers_of_the_first_schema_go_on_after_a_promotion_that_breaks_them(
    shelf: Shelf,
) -> None:
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    assert shelf.add(2, graphs.adder(2), graphs.ADDER) == 1
    await shelf.follow()
    assert (await shelf.call("Predict", {"x": 0}))["y"] == 2
    assert shelf.add(3, doubler(), DOUBLE, promote=False) == 2
    await shelf.follow()
    assert shelf.typed.list_names() == ["models.m.v1.M"]

    shelf.promote(3)
    await shelf.follow()
    assert shelf.typed.list_names() == ["models.m.v1.M", "models.m.v2.M"]
    old = await shelf.call("Predict", {"x": 0})
    assert old == {"y": 2.0, "model_version": "2"}
    new = await shelf.call("Predict", {"x": 0.1}, major=2)
    assert new == {"y": 0.1, "model_version": "3"}

    assert shelf.add(4, graphs.adder(4), graphs.ADDER) == 1
    await shelf.follow()
    assert (await shelf.call("Predict", {"x": 0}))["model_version"] == "4"
    assert (await shelf.call("Predict", {"x": 0}, major=2))["model_version"] == "3"


async def test_the_former_version_answers_until_the_new_one_is_loaded(shelf: Shelf) -> None:
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    await shelf.follow()
    gate = shelf.store.hold(2)
    shelf.add(2, graphs.adder(2), graphs.ADDER)
    await shelf.reconciler.refresh()
    shelf.typed.refresh()
    assert (await shelf.call("Predict", {"x": 0}))["model_version"] == "1"
    gate.set()
    await shelf.follow()
    assert (await shelf.call("Predict", {"x": 0}))["model_version"] == "2"


async def test_a_version_that_had_to_go_is_loaded_by_a_call(shelf: Shelf) -> None:
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    await shelf.follow()
    shelf.reconciler._memory.loaded = {}
    shelf.reconciler._publish({"m"})
    assert shelf.predictor.find("m", 1) is None
    assert (await shelf.call("Predict", {"x": 0}))["model_version"] == "1"


async def test_an_optional_column_joins_the_same_service(shelf: Shelf) -> None:
    told: list[None] = []
    shelf.typed.add_listener(lambda: told.append(None))
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    await shelf.follow()
    handler = shelf.find("Predict", 1)
    more = Signature((*graphs.ADDER.inputs, spec("z", "FP32", -1, 1)), graphs.ADDER.outputs)
    assert shelf.add(2, graphs.sum_of("x", "z"), more) == 1
    await shelf.follow()
    assert len(told) == 2
    assert shelf.find("Predict", 1) is not handler
    assert (await shelf.call("Predict", {"x": 1, "z": 2}))["y"] == 3
    # A call that was on its way to the former handler is answered all the same.
    behavior: Any = handler.unary_unary
    late = behavior(handler.request_deserializer(b"\x0d\x00\x00\x80\x3f"), None)
    assert late.model_version == "2"
    await shelf.follow()
    assert len(told) == 2


async def test_whoever_was_told_of_a_service_finds_it(shelf: Shelf) -> None:
    await shelf.follow()
    path = "/models.m.v1.M/"
    predict = shelf.typed.service(Details(path + "Predict"))
    stream = shelf.typed.service(Details(path + "PredictStream"))
    assert predict
    assert stream
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    unary: Any = predict.unary_unary
    request = b"\x0d\x00\x00\x80\x3f"  # x = 1

    async def requests() -> AsyncIterator[bytes]:
        yield request

    answers: Any = stream.stream_stream
    for data in (await unary(request, None), *[a async for a in answers(requests(), None)]):
        assert (
            shelf.typed.services["models.m.v1.M"].types.responses["Predict"].FromString(data).y == 2
        )
    with pytest.raises(FieldInvalid):
        await unary(b"\xff", None)


async def test_a_service_that_is_not_there_says_where_to_look(shelf: Shelf) -> None:
    await shelf.follow()
    handler = shelf.typed.service(Details("/models.none.v1.None/Predict"))
    assert handler
    behavior: Any = handler.unary_unary
    with pytest.raises(NotOffered, match="reflection lists"):
        await behavior(b"", None)
    for path in ("/models.m.v1.M/Other", "/modelyard.x.v1.M/Predict", "/models.m.v1.M.N/Predict"):
        assert shelf.typed.service(Details(path)) is None


async def test_a_model_that_is_unloaded_or_archived_offers_nothing(shelf: Shelf) -> None:
    shelf.add(1, graphs.adder(1), graphs.ADDER)
    await shelf.follow()
    handler = shelf.find("Predict", 1)
    assert shelf.typed.find_pool("models.m.v1.PredictRequest.x").FindServiceByName("models.m.v1.M")
    assert shelf.typed.find_pool("models/m/v1/m.proto")
    del shelf.store.models["m"]
    await shelf.follow()
    assert shelf.typed.list_names() == []
    with pytest.raises(KeyError):
        shelf.typed.find_pool("models.m.v1.M")
    behavior: Any = handler.unary_unary
    with pytest.raises(Exception, match="there is no model 'm'"):
        await behavior(handler.request_deserializer(b""), None)


def count_alive() -> tuple[int, int]:
    """Count the pools, and the classes of one message in them."""
    gc.collect()
    kinds = [type(found) for found in gc.get_objects()]
    classes = [found for found in gc.get_objects() if issubclass(type(found), type)]
    requests = sum(found.__name__ == "PredictRequest" for found in classes)
    return kinds.count(type(DescriptorPool())), requests


async def test_a_thousand_schemas_leave_no_pool_behind(shelf: Shelf) -> None:
    contents = [graphs.adder(1), doubler()]
    signatures = [graphs.ADDER, DOUBLE]
    held = []
    shelf.add(1, contents[0], signatures[0])
    await shelf.follow()
    await shelf.call("Predict", {"x": 1})
    pools, requests = count_alive()
    assert pools > requests == 1  # protobuf has a pool of its own
    for step in range(1000):
        # Withdrawn, and opened anew with one column more, by turns of two kinds.
        shelf.schemas.clear()
        shelf.pins.clear()
        shelf.add(1, contents[step % 2], signatures[step % 2])
        shelf.reconciler._memory.loaded = {}
        await shelf.follow()
        await shelf.call("Predict", {"x": 1})
        held.append(shelf.find("Predict", 1))  # as transports do for a while
    assert count_alive() == (pools, requests)
    assert len(set(map(id, held))) == 1000
