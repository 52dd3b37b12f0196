"""Calls every method of a stock client, blocking or asyncio, and checks what comes back.

    python drive_triton.py blocking|asyncio HOST:PORT

Runs where tritonclient is and nothing of ours. The server has the model `double`, which
answers twice its input of shape [-1, 3], with two versions, classes low, middle and high.
"""

import asyncio
import queue
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException

ROW = np.array([[1, 3, 2]], np.float32)


class Caller:
    """Calls methods by name in either edition, and notes which."""

    def __init__(self, edition: str, address: str) -> None:
        self.edition = edition
        self.loop = asyncio.new_event_loop() if edition == "asyncio" else None
        module = tritonclient.grpc.aio if self.loop else tritonclient.grpc
        self.client = self.wait(make(module, address))
        self.called: set[str] = set()

    def wait(self, outcome: Any) -> Any:
        if not self.loop:
            return asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
        return self.loop.run_until_complete(outcome)

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        self.called.add(method)
        outcome = getattr(self.client, method)(*args, **kwargs)
        return self.wait(outcome) if asyncio.iscoroutine(outcome) else outcome

    def fails(self, status: str, words: str, method: str, *args: Any, **kwargs: Any) -> None:
        caught = None
        try:
            self(method, *args, **kwargs)
        except InferenceServerException as error:
            caught = error
        assert caught, f"{method} did not fail"
        assert caught.status() == f"StatusCode.{status}", caught
        assert words in caught.message(), caught

    def missing(self) -> set[str]:
        public = {name for name in dir(type(self.client)) if not name.startswith("_")}
        return public - self.called


async def make(module: Any, address: str) -> Any:
    return module.InferenceServerClient(address)


def tensor(values: Any = ROW) -> list[Any]:
    made = tritonclient.grpc.InferInput("x", list(values.shape), "FP32")
    made.set_data_from_numpy(values)
    return [made]


def check_health(call: Caller) -> None:
    assert call("is_server_live") is True
    assert call("is_server_ready") is True
    assert call("is_model_ready", "double") is True
    assert call("is_model_ready", "double", "2") is True
    call.fails("NOT_FOUND", "no model 'none'", "is_model_ready", "none")


def check_metadata(call: Caller) -> None:
    server = call("get_server_metadata")
    assert server.name == "modelyard", server
    assert "statistics" in server.extensions, server
    assert not {"trace", "system_shared_memory"} & set(server.extensions), server
    model = call("get_model_metadata", "double", as_json=True)
    assert model["versions"] == ["1", "2"], model
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "3"]}], model
    config = call("get_model_config", "double", as_json=True)["config"]
    assert config["max_batch_size"] > 1, config
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": ["3"]}], config
    assert config["output"] == [{"name": "y", "data_type": "TYPE_FP32", "dims": ["3"]}], config
    assert config["backend"] == "onnxruntime", config
    assert "scheduling_choice" not in config, config
    call.fails("NOT_FOUND", "none", "get_model_config", "none")


def check_inference(call: Caller) -> None:
    answer = call("infer", "double", tensor(), request_id="mine", priority=1, timeout=1_000_000)
    assert answer.as_numpy("y").tolist() == [[2, 6, 4]]
    assert answer.get_response().id == "mine"
    assert answer.get_response().model_version == "1"
    second = call("infer", "double", tensor(), model_version="2", compression_algorithm="gzip")
    assert second.get_response().model_version == "2"
    free = {"customer": "a", "trial": 7, "share": 0.5, "test": True}
    assert call("infer", "double", tensor(), parameters=free).as_numpy("y").size == 3
    sequence = {"sequence_id": 9, "sequence_start": True, "sequence_end": True}
    assert call("infer", "double", tensor(), **sequence).as_numpy("y").size == 3
    call.fails("INVALID_ARGUMENT", "'x' must have the shape", "infer", "double", tensor(ROW[0]))
    call.fails("NOT_FOUND", "no active version 9", "infer", "double", tensor(), model_version="9")


def check_classification(call: Caller) -> None:
    wanted = [tritonclient.grpc.InferRequestedOutput("y", class_count=2)]
    rows = np.concatenate([ROW, -ROW])
    answer = call("infer", "double", tensor(rows), outputs=wanted).as_numpy("y")
    assert answer.tolist() == [
        [b"6.000000:1:middle", b"4.000000:2:high"],
        [b"-2.000000:0:low", b"-4.000000:2:high"],
    ]


def check_statistics(call: Caller) -> None:
    def read() -> Any:
        return call("get_inference_statistics", "double", "1").model_stats[0]

    before = read()
    for rows in (1, 1, 4):
        call("infer", "double", tensor(np.ones((rows, 3), np.float32)))
    call.fails("INVALID_ARGUMENT", "", "infer", "double", tensor(ROW[0]))
    after = read()
    assert (after.name, after.version) == ("double", "1")
    assert after.inference_count - before.inference_count == 6
    assert after.execution_count - before.execution_count == 3
    assert after.inference_stats.fail.count - before.inference_stats.fail.count == 1
    assert after.last_inference >= before.last_inference > 1.6e12
    stats = after.inference_stats
    parts = (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output)
    assert {part.count for part in parts} == {stats.success.count} == {after.execution_count}
    assert sum(part.ns for part in parts) == stats.success.ns
    assert stats.compute_infer.ns > 0
    assert {batch.batch_size for batch in after.batch_stats} >= {1, 4}
    assert sum(b.compute_infer.count for b in after.batch_stats) == after.execution_count
    assert sum(b.compute_infer.ns for b in after.batch_stats) == stats.compute_infer.ns
    every = call("get_inference_statistics").model_stats
    assert [(m.name, m.version) for m in every] == [("double", "1"), ("double", "2")]
    call.fails("NOT_FOUND", "none", "get_inference_statistics", "none")


def index(call: Caller) -> list[tuple[str, ...]]:
    models = call("get_model_repository_index").models
    return [(m.name, m.version, m.state, m.reason) for m in models]


def check_repository(call: Caller) -> None:
    assert [entry[:3] for entry in index(call)] == [
        ("double", "1", "READY"),
        ("double", "2", "READY"),
    ]
    counted = call("get_inference_statistics", "double", "1").model_stats[0].execution_count
    call("unload_model", "double")
    assert index(call) == [
        ("double", "1", "UNAVAILABLE", "unloaded"),
        ("double", "2", "UNAVAILABLE", "unloaded"),
    ]
    assert call("is_model_ready", "double") is False
    call.fails("FAILED_PRECONDITION", "RepositoryModelLoad", "infer", "double", tensor())
    call("unload_model", "double", unload_dependents=True)
    call("load_model", "double")
    assert call("is_model_ready", "double") is True
    assert call("infer", "double", tensor()).as_numpy("y").size == 3
    again = call("get_inference_statistics", "double", "1").model_stats[0].execution_count
    assert again == counted + 1
    call.fails("NOT_FOUND", "none", "load_model", "none")
    call.fails("NOT_FOUND", "none", "unload_model", "none")
    call.fails("UNIMPLEMENTED", "push a version", "load_model", "double", config="{}")
    files = {"file:1/model.onnx": b"x"}
    call.fails("UNIMPLEMENTED", "push a version", "load_model", "double", config="{}", files=files)


def check_shared_memory(call: Caller) -> None:
    for kind, place in (("system", ("/key", 64)), ("cuda", (b"aGFuZGxl", 0, 64))):
        status = call(f"get_{kind}_shared_memory_status", as_json=True)
        assert not status.get("regions"), status
        call.fails("NOT_FOUND", "region", f"get_{kind}_shared_memory_status", "region")
        register = f"register_{kind}_shared_memory"
        call.fails("UNIMPLEMENTED", "shares no memory", register, "region", *place)
        call(f"unregister_{kind}_shared_memory")
        call.fails("NOT_FOUND", "region", f"unregister_{kind}_shared_memory", "region")
    shared = tensor()
    shared[0].set_shared_memory("region", 12)
    call.fails("INVALID_ARGUMENT", "no shared memory", "infer", "double", shared)


def check_settings(call: Caller) -> None:
    call.fails("UNIMPLEMENTED", "trace", "get_trace_settings")
    call.fails("UNIMPLEMENTED", "trace", "update_trace_settings", settings={"trace_rate": "1"})
    before = call("get_log_settings", as_json=True)["settings"]
    assert before["log_info"] == {"bool_param": True}, before
    changed = call("update_log_settings", {"log_verbose_level": 2}, as_json=True)["settings"]
    assert changed == before | {"log_verbose_level": {"uint32_param": 2}}, changed
    call("update_log_settings", {"log_verbose_level": 0})
    assert call("get_log_settings", as_json=True)["settings"] == before
    call.fails("UNIMPLEMENTED", "log_file", "update_log_settings", {"log_file": "out.txt"})
    call.fails("INVALID_ARGUMENT", "unknown", "update_log_settings", {"log_colour": True})


def check_plugins(call: Caller) -> None:
    def stamp(request: Any) -> None:
        request.headers["x-request-id"] = "stamped"

    call("register_plugin", stamp)
    assert call("plugin")
    assert call("is_server_live") is True
    call("unregister_plugin")


def check_asynchronous(call: Caller) -> None:
    """Check what only the blocking edition has."""
    answers: queue.Queue[Any] = queue.Queue()
    call("async_infer", "double", tensor(), lambda result, error: answers.put((result, error)))
    result, error = answers.get(timeout=30)
    assert error is None, error
    assert result.as_numpy("y").tolist() == [[2, 6, 4]]


def check_blocking_stream(call: Caller) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    call("start_stream", lambda result, error: answers.put((result, error)))
    for number in range(20):
        inputs = tensor(ROW * number) if number != 7 else tensor(ROW[0])
        call(
            "async_stream_infer",
            "double",
            inputs,
            request_id=str(number),
            enable_empty_final_response=True,
        )
    call("stop_stream")
    check_answers([answers.get(timeout=30) for _ in range(20)])
    assert answers.empty()
    call(
        "start_stream",
        lambda result, error: answers.put((result, error)),
        headers={"triton_grpc_error": "true"},
    )
    call("async_stream_infer", "double", tensor(ROW[0]))
    result, error = answers.get(timeout=30)
    assert (result, error.status()) == (None, "StatusCode.INVALID_ARGUMENT"), error
    call("stop_stream", cancel_requests=True)


def check_asyncio_stream(call: Caller) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(20):
            inputs = tensor(ROW * number) if number != 7 else tensor(ROW[0])
            yield {"model_name": "double", "inputs": inputs, "request_id": str(number)}

    async def collect() -> list[Any]:
        call.called.add("stream_infer")
        return [pair async for pair in call.client.stream_infer(requests())]

    check_answers(call.wait(collect()))


def check_answers(answers: list[Any]) -> None:
    for number, (result, error) in enumerate(answers):
        if number == 7:
            assert "'x' must have the shape" in error.message(), error
            continue
        assert error is None, error
        response = result.get_response()
        assert response.id == str(number), (number, response.id)
        assert response.parameters["triton_final_response"].bool_param is True
        assert result.as_numpy("y").tolist() == (ROW * number * 2).tolist()


def main(edition: str, address: str) -> None:
    call = Caller(edition, address)
    check_health(call)
    check_metadata(call)
    check_inference(call)
    check_classification(call)
    check_statistics(call)
    check_repository(call)
    check_shared_memory(call)
    check_settings(call)
    check_plugins(call)
    if edition == "asyncio":
        check_asyncio_stream(call)
    else:
        check_asynchronous(call)
        check_blocking_stream(call)
    call("close")
    assert not call.missing(), call.missing()
    print("every method answered as documented")  # noqa: T201 - its caller reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
