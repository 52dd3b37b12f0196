import threading
from typing import Any

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from serving.errors import TensorInvalid
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from tests.unit.serving import graphs
from tests.unit.serving.calls import Context, request, serve, stream, value_of
from tests.unit.serving.store import Store

FINAL = "triton_final_response"


def numbered(count: int, wrong: int | None = None) -> list[pb.ModelInferRequest]:
    messages = [request(value) for value in range(count)]
    for number, message in enumerate(messages):
        message.id = str(number)
    if wrong is not None:
        messages[wrong].inputs[0].datatype = "FP64"
    return messages


async def test_a_failure_is_an_answer_and_the_stream_goes_on(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    answers = [a async for a in stream(servicer, numbered(5, wrong=3), Context())]
    assert [a.infer_response.id for a in answers] == ["0", "1", "2", "3", "4"]
    assert "'x' must be FP32" in answers[3].error_message
    assert answers[3].infer_response == pb.ModelInferResponse(id="3")
    good = [a for a in answers if not a.error_message]
    assert [value_of(a.infer_response) for a in good] == [2, 3, 4, 6]
    assert all(a.infer_response.parameters[FINAL].bool_param for a in good)


async def test_metadata_asks_for_a_real_status(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    answers = stream(servicer, numbered(5, wrong=1), Context(("triton_grpc_error", "true")))
    assert (await anext(answers)).infer_response.id == "0"
    with pytest.raises(TensorInvalid):
        await anext(answers)
    other = Context(("triton_grpc_error", "false"))
    assert len([a async for a in stream(servicer, numbered(3, wrong=1), other)]) == 3


async def test_a_model_that_fails_is_named_with_its_version(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.picker(), graphs.PICKER)
    message = pb.ModelInferRequest(model_name="m", id="mine")
    message.inputs.add(name="index", datatype="INT64", shape=[1])
    message.raw_input_contents.append(np.int64(99).tobytes())
    (answer,) = [a async for a in stream(servicer, [message], Context())]
    assert "the model failed" in answer.error_message
    failed = answer.infer_response
    assert (failed.id, failed.model_name, failed.model_version) == ("mine", "m", "7")
    assert failed.parameters[FINAL].bool_param


async def test_a_slow_request_does_not_hold_up_the_work_on_later_ones(
    store: Store,
    reconciler: Reconciler,
    servicer: InferenceServicer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    handle = reconciler.view.routes["m"][""]
    monkeypatch.setattr(handle, "_quick_rows", 1)
    later_ran = threading.Event()
    run = handle.model.run

    def run_in_turn(feeds: Any, names: Any) -> Any:
        if feeds["x"].size == 2:
            assert later_ran.wait(30)
        else:
            later_ran.set()
        return run(feeds, names)

    monkeypatch.setattr(handle.model, "run", run_in_turn)
    messages = [request(1, rows=2), request(2)]
    answers = [a async for a in stream(servicer, messages, Context())]
    assert [value_of(a.infer_response) for a in answers] == [3, 4]


async def test_a_model_is_loaded_for_a_stream_too(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    store.add(8)
    messages = [request(1, "8"), request(1, "99")]
    answers = [a async for a in stream(servicer, messages, Context())]
    assert value_of(answers[0].infer_response) == 9
    assert "no active version 99" in answers[1].error_message
