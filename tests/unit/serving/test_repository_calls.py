"""Load, unload and the index of what can be loaded."""

import asyncio
import weakref
from typing import Any

import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from modelyard.inference.v1 import repository_pb2 as repository_pb
from registry.errors import FieldInvalid, ModelNotFound
from serving.errors import (
    ModelLoading,
    ModelNotServable,
    NotOffered,
    WaitTimeout,
)
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from serving.snapshot import ServableModel
from tests.unit.serving import graphs
from tests.unit.serving.calls import infer, request, serve, value_of
from tests.unit.serving.store import Store, follow

LOAD = repository_pb.RepositoryModelLoadRequest
UNLOAD = repository_pb.RepositoryModelUnloadRequest


async def index(servicer: InferenceServicer, *, ready: bool = False) -> list[tuple[str, ...]]:
    message = repository_pb.RepositoryIndexRequest(ready=ready)
    answer = await servicer.RepositoryIndex(message, None)
    return [(m.name, m.version, m.state, m.reason) for m in answer.models]


async def test_the_index_tells_every_state(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    store.add(1, champion=1)
    store.add(2)
    store.add(3, b"garbage", broken=3)
    store.models["empty"] = ServableModel({}, {})
    await follow(reconciler)
    store.add(4, candidate=4)
    store.hold(4)
    await reconciler.refresh()
    entries = await index(servicer)
    assert [entry[:3] for entry in entries] == [
        ("empty", "", ""),
        ("m", "1", "READY"),
        ("m", "2", "READY"),
        ("m", "3", "UNAVAILABLE"),
        ("m", "4", "LOADING"),
    ]
    assert "ONNX Runtime" in entries[3][3]
    assert [entry[1] for entry in await index(servicer, ready=True)] == ["1", "2"]


async def test_an_unloaded_model_stays_so_until_it_is_loaded(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    store.add(8)
    await infer(servicer, request())
    handle = weakref.ref(reconciler.view.routes["m"][""])
    await servicer.RepositoryModelUnload(UNLOAD(model_name="m"), None)
    for _ in range(10_000):
        if handle() is None:
            break
        await asyncio.sleep(0)  # the thread that loaded it may be about to let it go
    assert handle() is None  # its memory is free again
    store.promote(8)
    await follow(reconciler)
    for version in ("", "7", "8", "champion"):
        with pytest.raises(ModelNotServable, match="RepositoryModelLoad"):
            await infer(servicer, request(version=version))
    metadata = servicer.ModelMetadata(pb.ModelMetadataRequest(name="m"), None)
    with pytest.raises(ModelNotServable, match="unloaded"):
        await metadata
    assert store.reads == [7]  # nothing was loaded meanwhile
    await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    assert (await infer(servicer, request())).model_version == "8"


async def test_unload_and_load_need_no_source(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    store.is_away = True
    await servicer.RepositoryModelUnload(UNLOAD(model_name="m"), None)
    assert await index(servicer) == [("m", "7", "UNAVAILABLE", "unloaded")]
    with pytest.raises(ModelNotServable):
        await infer(servicer, request())
    await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    assert value_of(await infer(servicer, request())) == 2.5


async def test_load_finds_what_was_made_a_moment_ago(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await reconciler.refresh()
    store.add(1, champion=1)
    await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    assert (await infer(servicer, request())).model_version == "1"


async def test_a_model_made_anew_is_not_the_one_that_was_unloaded(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    await servicer.RepositoryModelUnload(UNLOAD(model_name="m"), None)
    model = store.models.pop("m")
    await follow(reconciler)
    assert await index(servicer) == []
    store.models["m"] = model
    await follow(reconciler)
    assert (await infer(servicer, request())).model_version == "7"


async def test_load_says_why_it_can_t(store: Store, servicer: InferenceServicer) -> None:
    with pytest.raises(ModelNotFound):
        await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    store.add(1, b"garbage", champion=1)
    with pytest.raises(ModelNotServable, match="ONNX Runtime"):
        await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    store.put(store.models["m"].versions, {})
    with pytest.raises(ModelNotServable, match="no champion"):
        await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)


async def test_nothing_is_unloaded_before_the_registry_was_read(
    store: Store, servicer: InferenceServicer
) -> None:
    store.is_away = True
    with pytest.raises(ModelLoading):
        await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    with pytest.raises(ModelLoading):
        await servicer.RepositoryModelUnload(UNLOAD(model_name="m"), None)


async def test_a_kserve_client_names_the_model_in_the_first_field(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    await servicer.RepositoryModelUnload(UNLOAD(repository_name="m"), None)
    await servicer.RepositoryModelLoad(LOAD(repository_name="m"), None)
    with pytest.raises(NotOffered):
        await servicer.RepositoryModelLoad(LOAD(repository_name="m", model_name="m"), None)
    with pytest.raises(NotOffered):
        await servicer.RepositoryModelUnload(UNLOAD(repository_name="other"), None)
    with pytest.raises(NotOffered):
        await servicer.RepositoryIndex(
            repository_pb.RepositoryIndexRequest(repository_name="m"), None
        )


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("config", {"string_param": "{}"}, NotOffered),
        ("file:1/model.onnx", {"bytes_param": b"x"}, NotOffered),
        ("other", {"bool_param": True}, FieldInvalid),
    ],
)
async def test_a_load_takes_no_parameters(
    servicer: InferenceServicer, name: str, value: dict[str, Any], error: type[Exception]
) -> None:
    message = LOAD(model_name="m")
    message.parameters[name].CopyFrom(repository_pb.ModelRepositoryParameter(**value))
    with pytest.raises(error):
        await servicer.RepositoryModelLoad(message, None)


@pytest.mark.parametrize(
    ("name", "value"), [("unload_dependents", {"int64_param": 1}), ("other", {"bool_param": True})]
)
async def test_an_unload_takes_one(
    servicer: InferenceServicer, name: str, value: dict[str, Any]
) -> None:
    message = UNLOAD(model_name="m")
    message.parameters[name].CopyFrom(repository_pb.ModelRepositoryParameter(**value))
    with pytest.raises(FieldInvalid):
        await servicer.RepositoryModelUnload(message, None)


async def test_a_request_waits_for_a_load_no_longer_than_it_says(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    store.add(1, champion=1)
    gate = store.hold(1)
    await reconciler.refresh()
    message = request()
    message.parameters["timeout"].int64_param = 1
    with pytest.raises(WaitTimeout):
        await infer(servicer, message)
    message.parameters["timeout"].int64_param = 0  # says nothing
    waiting = asyncio.create_task(infer(servicer, message))
    gate.set()
    assert (await waiting).model_version == "1"
