import asyncio
import threading
from inspect import isawaitable
from typing import Any

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from registry.errors import AliasNotFound, FieldInvalid, ModelNotFound, VersionNotFound
from serving.errors import ModelNotServable, ModelRunFailed, RunQueueFull, TensorInvalid
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from serving.snapshot import ServableModel
from tests.unit.serving import graphs
from tests.unit.serving.calls import infer, request, serve, value_of
from tests.unit.serving.store import Store, settled


async def test_a_quick_model_is_answered_without_awaiting(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    response = servicer.ModelInfer(request(), None)
    assert isinstance(response, pb.ModelInferResponse)  # and nothing that is to be awaited
    assert (response.model_name, response.model_version, response.id) == ("m", "7", "")
    assert value_of(response) == 2.5


async def test_slow_models_and_big_batches_leave_the_event_loop(
    store: Store,
    reconciler: Reconciler,
    servicer: InferenceServicer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await serve(store, reconciler, graphs.slow())
    handle = reconciler.view.routes["m"][""]
    threads: list[str] = []
    run = handle.model.run

    def note_thread(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        return run(*args)

    monkeypatch.setattr(handle.model, "run", note_thread)
    assert value_of(await infer(servicer, request())) == 0.5
    assert threads[0].startswith("run")
    await serve(store, reconciler, graphs.adder(2))
    response = await infer(servicer, request(rows=200_000))
    assert list(response.outputs[0].shape) == [200_000, 1]


async def test_answers_in_text_leave_the_event_loop_however_quick_the_model(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    message = request()
    message.outputs.add(name="y").parameters["classification"].int64_param = 1
    answer = servicer.ModelInfer(message, None)
    assert isawaitable(answer)
    assert (await answer).outputs[0].datatype == "BYTES"


async def test_the_number_answers_whatever_was_asked_and_the_id_comes_back(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    store.add(8)
    await reconciler.refresh()
    for version, number in (("", "7"), ("champion", "7"), ("7", "7"), ("8", "8"), ("08", "8")):
        message = request(version=version)
        message.id = "mine"
        message.parameters["triton_enable_empty_final_response"].bool_param = True
        message.parameters["priority"].uint64_param = 1
        response = await infer(servicer, message)
        assert (response.model_version, response.id) == (number, "mine")


async def test_asked_outputs_come_in_the_order_asked_for(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.mixed(), graphs.MIXED)
    message = pb.ModelInferRequest(model_name="m")
    message.inputs.add(name="length", datatype="FP32", shape=[1, 1])
    message.inputs.add(name="count", datatype="INT64", shape=[1, 1])
    message.inputs.add(name="island", datatype="BYTES", shape=[1, 1])
    message.inputs[0].contents.fp32_contents.append(1.5)
    message.inputs[1].contents.int64_contents.append(2)
    message.inputs[2].contents.bytes_contents.append(b"Dream")
    for names in (["sum", "label"], ["label"], []):
        del message.outputs[:]
        message.outputs.extend(
            pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names
        )
        response = await infer(servicer, message)
        raw = dict(
            zip([o.name for o in response.outputs], response.raw_output_contents, strict=True)
        )
        assert list(raw) == (names or ["label", "sum"])
        assert raw["label"] == b"\5\0\0\0Dream"
        assert raw.get("sum", b"\0\0\x60\x40") == np.float32(3.5).tobytes()


@pytest.mark.parametrize(
    ("model", "version", "error"),
    [
        ("nobody", "", ModelNotFound),
        ("m", "99", VersionNotFound),
        ("m", "blue", AliasNotFound),
        ("m", "v 1", FieldInvalid),
        ("unpromoted", "", ModelNotServable),
    ],
)
async def test_what_can_t_be_found(
    store: Store,
    reconciler: Reconciler,
    servicer: InferenceServicer,
    model: str,
    version: str,
    error: type[Exception],
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    store.models["unpromoted"] = ServableModel(store.models["m"].versions, {})
    await reconciler.refresh()
    message = request(version=version)
    message.model_name = model
    with pytest.raises(error):
        await infer(servicer, message)
    with pytest.raises(error):
        await servicer.ModelMetadata(pb.ModelMetadataRequest(name=model, version=version), None)
    ready = servicer.ModelReady(pb.ModelReadyRequest(name=model, version=version), None)
    if error is ModelNotServable:
        assert not (await ready).ready
    else:
        with pytest.raises(error):
            await ready


async def test_a_run_that_fails_and_a_request_that_does_not_fit(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.picker(), graphs.PICKER)
    message = pb.ModelInferRequest(model_name="m")
    message.inputs.add(name="index", datatype="INT64", shape=[1])
    message.raw_input_contents.append(np.int64(99).tobytes())
    with pytest.raises(ModelRunFailed):
        await infer(servicer, message)
    message.raw_input_contents[0] = b""
    with pytest.raises(TensorInvalid) as caught:
        await infer(servicer, message)
    assert caught.value.field == "raw_input_contents[0]"
    message.parameters["triton_other"].bool_param = True
    with pytest.raises(TensorInvalid) as caught:
        await infer(servicer, message)
    assert caught.value.field == 'parameters["triton_other"]'


async def test_the_limit_is_the_policy_s(
    store: Store,
    reconciler: Reconciler,
    servicer: InferenceServicer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    strict = Predictor(reconciler, ServingPolicy(input_elements=10))
    monkeypatch.setattr(servicer, "_predictor", strict)
    await infer(servicer, request(rows=10))
    with pytest.raises(TensorInvalid, match="11 elements"):
        await infer(servicer, request(rows=11))


async def test_metadata_needs_nothing_loaded(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    store.add(10, champion=10)
    store.add(9)
    store.add(2, b"garbage")
    store.hold(10)
    await reconciler.refresh()
    loading = await servicer.ModelMetadata(pb.ModelMetadataRequest(name="m"), None)
    assert list(loading.versions) == ["2", "9"]
    store.hold(10).set()
    await settled(reconciler)
    with pytest.raises(ModelNotServable):
        await infer(servicer, request(version="2"))
    every = await servicer.ModelMetadata(pb.ModelMetadataRequest(name="m"), None)
    assert (every.name, every.platform, list(every.versions)) == ("m", "onnx_onnxv1", ["9", "10"])
    assert [(t.name, t.datatype, list(t.shape)) for t in (*every.inputs, *every.outputs)] == [
        ("x", "FP32", [-1, 1]),
        ("y", "FP32", [-1, 1]),
    ]
    one = await servicer.ModelMetadata(pb.ModelMetadataRequest(name="m", version="champion"), None)
    assert list(one.versions) == ["10"]
    assert sorted(store.reads) == [2, 10]


async def test_ready_means_that_a_call_would_be_answered(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    async def is_ready(version: str) -> bool:
        message = pb.ModelReadyRequest(name="m", version=version)
        return (await servicer.ModelReady(message, None)).ready

    async def is_server_ready() -> bool:
        return (await servicer.ServerReady(pb.ServerReadyRequest(), None)).ready

    assert not await is_ready("")
    store.add(1, champion=1)
    store.add(2)
    store.add(3, b"garbage", broken=3)
    gate = store.hold(1)
    await reconciler.refresh()
    assert not await is_server_ready()
    assert [await is_ready(text) for text in ("", "1", "2")] == [False, False, True]
    gate.set()
    await settled(reconciler)
    assert await is_server_ready()
    assert [await is_ready(t) for t in ("", "1", "2", "broken")] == [True, True, True, False]


async def test_the_server_tells_its_name(servicer: InferenceServicer) -> None:
    assert (await servicer.ServerLive(pb.ServerLiveRequest(), None)).live
    metadata = await servicer.ServerMetadata(pb.ServerMetadataRequest(), None)
    assert (metadata.name, metadata.version) == ("modelyard", "1.2.3")


async def test_a_closed_predictor_starts_no_slow_run(predictor: Predictor) -> None:
    assert await predictor.run_aside(sum, [1, 2]) == 3
    predictor.close()
    with pytest.raises(RuntimeError):
        await predictor.run_aside(sum, [1, 2])


async def test_inference_goes_on_while_a_slow_model_runs(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer, predictor: Predictor
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    gate = threading.Event()
    slow = asyncio.create_task(predictor.run_aside(gate.wait))
    assert value_of(await infer(servicer, request())) == 2.5
    gate.set()
    assert await slow


async def test_slow_calls_wait_for_threads_within_a_bound(reconciler: Reconciler) -> None:
    few = Predictor(reconciler, ServingPolicy(slow_run_threads=1, slow_runs_waiting=1))
    gate = threading.Event()
    running = [asyncio.create_task(few.run_aside(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)  # both have asked for a thread
    with pytest.raises(RunQueueFull, match="try again"):
        await few.run_aside(gate.wait)
    gate.set()
    assert await asyncio.gather(*running) == [True, True]
    assert await few.run_aside(gate.wait)
    few.close()
