import asyncio
import threading

import numpy as np
import pytest

from modelyard.inference.v1 import inference_pb2 as pb
from modelyard.inference.v1 import model_config_pb2 as config_pb
from modelyard.inference.v1 import repository_pb2 as repository_pb
from modelyard.inference.v1 import settings_pb2 as settings_pb
from modelyard.inference.v1 import statistics_pb2 as statistics_pb
from registry.errors import FieldInvalid, ModelNotFound
from registry.signature import Signature
from serving.errors import (
    NotOffered,
    TensorInvalid,
    WaitTimeout,
)
from serving.operations.messages import write_config
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.servicer import InferenceServicer
from tests.unit.serving import graphs
from tests.unit.serving.calls import infer, request, serve, value_of
from tests.unit.serving.graphs import spec
from tests.unit.serving.store import Store, follow

LOAD = repository_pb.RepositoryModelLoadRequest
UNLOAD = repository_pb.RepositoryModelUnloadRequest


async def statistics_of(
    servicer: InferenceServicer, name: str = "m", version: str = "7"
) -> statistics_pb.ModelStatistics:
    message = statistics_pb.ModelStatisticsRequest(name=name, version=version)
    (stats,) = (await servicer.ModelStatistics(message, None)).model_stats
    return stats


async def test_every_request_is_counted_once_wherever_it_ran(
    store: Store,
    reconciler: Reconciler,
    servicer: InferenceServicer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    assert not (await statistics_of(servicer)).last_inference
    await infer(servicer, request())
    monkeypatch.setattr(reconciler.view.routes["m"][""], "_quick_rows", 2)
    await infer(servicer, request(rows=3))
    with pytest.raises(TensorInvalid):
        await infer(servicer, pb.ModelInferRequest(model_name="m"))
    short = request(rows=3)
    short.raw_input_contents[0] = b""
    with pytest.raises(TensorInvalid):
        await infer(servicer, short)
    stats = await statistics_of(servicer)
    sums = stats.inference_stats
    assert (stats.inference_count, stats.execution_count, sums.fail.count) == (4, 2, 2)
    parts = [sums.queue, sums.compute_input, sums.compute_infer, sums.compute_output]
    assert [part.count for part in parts] == [2, 2, 2, 2] == [sums.success.count] * 4
    assert sum(part.ns for part in parts) == sums.success.ns > 0
    assert sums.queue.ns > 0  # the one that went to a thread
    assert sums.fail.ns > 0
    assert sums.HasField("cache_hit")
    assert [(b.batch_size, b.compute_infer.count) for b in stats.batch_stats] == [(1, 1), (3, 1)]


async def test_statistics_outlive_an_unload(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.adder(2))
    await infer(servicer, request())
    await servicer.RepositoryModelUnload(UNLOAD(model_name="m"), None)
    await servicer.RepositoryModelLoad(LOAD(model_name="m"), None)
    await infer(servicer, request())
    assert (await statistics_of(servicer)).execution_count == 2


async def test_statistics_of_everything_that_can_answer(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    store.add(10, champion=10)
    store.add(9)
    store.add(2, b"garbage", broken=2)
    await follow(reconciler)
    every = await servicer.ModelStatistics(statistics_pb.ModelStatisticsRequest(), None)
    assert [(s.name, s.version) for s in every.model_stats] == [("m", "9"), ("m", "10")]
    assert (await statistics_of(servicer, version="broken")).version == "2"
    store.put(store.models["m"].versions, {})
    await follow(reconciler)
    named = await servicer.ModelStatistics(statistics_pb.ModelStatisticsRequest(name="m"), None)
    assert len(named.model_stats) == 2  # a model without a champion has versions all the same
    with pytest.raises(ModelNotFound):
        await statistics_of(servicer, "nobody", "")


async def test_the_configuration_of_a_model_that_takes_rows(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, graphs.mixed(), graphs.MIXED)
    answer = await servicer.ModelConfig(config_pb.ModelConfigRequest(name="m"), None)
    config = answer.config
    assert (config.name, config.platform, config.backend) == ("m", "onnx_onnxv1", "onnxruntime")
    assert config.max_batch_size == 1_000_000 // 3
    types = [(i.name, config_pb.DataType.Name(i.data_type), list(i.dims)) for i in config.input]
    assert types == [
        ("length", "TYPE_FP32", [1]),
        ("count", "TYPE_INT64", [1]),
        ("island", "TYPE_STRING", [1]),
    ]
    assert [(o.name, list(o.dims)) for o in config.output] == [("label", [1]), ("sum", [1])]
    assert not config.model_transaction_policy.decoupled


async def test_the_configuration_of_a_model_that_does_not(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    await serve(store, reconciler, *graphs.one_row_only())
    answer = await servicer.ModelConfig(config_pb.ModelConfigRequest(name="m"), None)
    assert answer.config.max_batch_size == 0
    assert list(answer.config.input[0].dims) == [-1, 2]


async def test_a_request_waits_for_a_thread_no_longer_than_it_says(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer, predictor: Predictor
) -> None:
    await serve(store, reconciler, graphs.slow())
    gate = threading.Event()
    busy = [
        asyncio.create_task(predictor.run_aside(gate.wait))
        for _ in range(predictor.policy.slow_run_threads)
    ]
    await asyncio.sleep(0)  # they hold every thread
    message = request()
    message.parameters["timeout"].int64_param = 1
    with pytest.raises(WaitTimeout) as caught:
        await infer(servicer, message)
    assert caught.value.field == 'parameters["timeout"]'
    stats = (await statistics_of(servicer)).inference_stats
    assert (stats.success.count, stats.fail.count) == (0, 1)
    gate.set()
    await asyncio.gather(*busy)
    message.parameters["timeout"].int64_param = 60_000_000
    assert value_of(await infer(servicer, message)) == 0.5


SCORES = Signature((spec("x", "FP32", -1, 3),), (spec("y", "FP32", -1, 3),))


async def test_classification_answers_labels_and_leaves_other_outputs_alone(
    store: Store, reconciler: Reconciler, servicer: InferenceServicer
) -> None:
    content, signature = graphs.identity("FP32", -1, 3)
    version = store.add(7, content, signature, champion=7)
    object.__setattr__(version, "classes", ("a", "b", "c"))
    await follow(reconciler)
    message = pb.ModelInferRequest(model_name="m")
    message.inputs.add(name="x", datatype="FP32", shape=[2, 3])
    message.raw_input_contents.append(np.array([[1, 3, 2], [9, 8, 7]], np.float32).tobytes())
    message.outputs.add(name="y").parameters["classification"].int64_param = 1
    response = await infer(servicer, message)
    assert (response.outputs[0].datatype, list(response.outputs[0].shape)) == ("BYTES", [2, 1])
    assert response.raw_output_contents[0] == b"\x0c\0\0\x003.000000:1:b\x0c\0\0\x009.000000:0:a"


async def test_log_settings_are_all_changed_or_none(
    servicer: InferenceServicer, levels: list[frozenset[str]]
) -> None:
    message = settings_pb.LogSettingsRequest()
    assert (await servicer.LogSettings(message, None)).settings["log_info"].bool_param
    assert levels == []
    message.settings["log_info"].bool_param = False
    message.settings["log_verbose_level"].uint32_param = 3
    message.settings["log_format"].string_param = "ISO8601"
    answer = await servicer.LogSettings(message, None)
    assert not answer.settings["log_info"].bool_param
    assert answer.settings["log_verbose_level"].uint32_param == 3
    assert levels == [{"warning", "error", "debug"}]
    for name, value, error in (
        ("log_error", {"uint32_param": 1}, FieldInvalid),
        ("log_verbose_level", {"bool_param": True}, FieldInvalid),
        ("log_verbose_level", {}, FieldInvalid),
        ("log_file", {"string_param": "out"}, NotOffered),
        ("log_format", {"string_param": "default"}, NotOffered),
        ("colour", {"bool_param": True}, FieldInvalid),
    ):
        wrong = settings_pb.LogSettingsRequest()
        wrong.settings["log_warning"].bool_param = False
        wrong.settings[name].CopyFrom(settings_pb.LogSettingsRequest.SettingValue(**value))
        with pytest.raises(error):
            await servicer.LogSettings(wrong, None)
    assert (await servicer.LogSettings(settings_pb.LogSettingsRequest(), None)) == answer


async def test_the_most_rows_are_the_policy_s(store: Store, reconciler: Reconciler) -> None:
    wide = Predictor(reconciler, ServingPolicy(input_elements=2**40))
    content, signature = graphs.identity("FP32", -1, 3)
    store.add(7, content, signature, champion=7)
    await follow(reconciler)
    description = await wide.describe("m", "")
    assert write_config(description, 2**40).max_batch_size == 2**31 - 1
    assert write_config(description, 2).max_batch_size == 1
