"""Our handler alone, without a transport: parse, check, run, encode, in a loop in one process.

    python -m benchmarks.handler_loop MODELS

Takes jobs as lines of JSON with `framed` (a file of `payloads`) and `seconds`; answers with
`calls`, `seconds` and `cpu_seconds`.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import isawaitable
from pathlib import Path

# Before ONNX Runtime is imported, which would send usage data otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from modelyard.inference.v1 import inference_pb2 as pb
from registry.datatypes import datatype_of
from registry.schema import read_shape
from registry.schema_changes import choose_schema
from registry.signature import CHAMPION, Signature, TensorSpec
from serving.operations.log_settings import LogSettings
from serving.operations.model_control import ModelControl
from serving.policy import ServingPolicy
from serving.predictor import Predictor
from serving.reconciler import Reconciler
from serving.repository import Repository
from serving.servicer import InferenceServicer
from serving.snapshot import ServableModel, ServableSchema, ServableVersion, Snapshot
from serving.typed.services import TypedServices

ROUND_CALLS = 500


@dataclass(frozen=True, slots=True)
class Handlers:
    """What the server has to answer predictions with, these models loaded."""

    inference: InferenceServicer
    typed: TypedServices


async def make_handlers(files: Mapping[str, bytes]) -> Handlers:
    """Load models and make what answers by them."""
    models = {name: _describe_model(name, content) for name, content in files.items()}

    async def read_snapshot() -> Snapshot:
        return Snapshot(models)

    async def read_model(version: ServableVersion) -> bytes:
        return files[version.model_id]

    policy = ServingPolicy()
    repository = Repository(read_snapshot)
    reconciler = Reconciler(repository.read_snapshot, read_model, asyncio.Event(), policy)
    running = asyncio.create_task(reconciler.run())
    await reconciler.wait_until_ready()
    running.cancel()
    control, settings = ModelControl(repository, reconciler), LogSettings("info", lambda _: None)
    predictor = Predictor(reconciler, policy)
    typed = TypedServices(reconciler, predictor)
    typed.refresh()
    return Handlers(InferenceServicer(predictor, control, settings, "benchmark"), typed)


def _describe_model(name: str, content: bytes) -> ServableModel:
    version = _describe(name, content)
    shape = read_shape(version.signature, version.classes)
    schema = choose_schema(name, [], shape) if shape else None
    schemas = {schema.major: ServableSchema(schema, 1)} if schema else {}
    return ServableModel({1: version}, {CHAMPION: 1}, schemas=schemas)


def _describe(name: str, content: bytes) -> ServableVersion:
    session = onnxruntime.InferenceSession(content)
    inputs, outputs = (
        tuple(_describe_tensor(node) for node in nodes)
        for nodes in (session.get_inputs(), session.get_outputs())
    )
    digest = hashlib.sha256(content).hexdigest()
    return ServableVersion(name, 1, digest, len(content), Signature(inputs, outputs))


def _describe_tensor(node: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(length if isinstance(length, int) else -1 for length in node.shape)
    return TensorSpec(node.name, datatype_of(node.type) or "", shape)


def measure(servicer: InferenceServicer, message: bytes, seconds: float) -> dict[str, float]:
    """Answer one request again and again."""
    parse, infer = pb.ModelInferRequest.FromString, servicer.ModelInfer
    calls = 0
    started, busy = time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        for _ in range(ROUND_CALLS):
            answer = infer(parse(message), None)
            if isawaitable(answer):
                raise TypeError("the model is too slow to be run at once; its loop is no measure")
            answer.SerializeToString()
        calls += ROUND_CALLS
    return {
        "calls": calls,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - busy,
    }


def main(folder: Path) -> None:
    """Do jobs until the input ends."""
    files = {path.stem: path.read_bytes() for path in folder.glob("*.onnx")}
    servicer = asyncio.run(make_handlers(files)).inference
    for line in sys.stdin:
        job = json.loads(line)
        message = Path(job["framed"]).read_bytes()[5:]
        print(json.dumps(measure(servicer, message, job["seconds"])), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
