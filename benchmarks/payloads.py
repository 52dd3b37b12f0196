"""The requests, and what ONNX Runtime itself answers to them."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.cases import COLUMNS, FOREST, LINEAR
from benchmarks.scripts import INFER
from modelyard.inference.v1 import inference_pb2 as pb

SEED = 7
ROWS = {
    "linear": (LINEAR, 1),
    "forest": (FOREST, 1),
    "columns": (COLUMNS, 1),
    "linear-100": (LINEAR, 100),
}
"""The model and the number of rows of every request."""

_DATATYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64", "tensor(string)": "BYTES"}
_TEXTS = {"country": "Denmark", "channel": "web", "segment": "small business"}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """A request.

    Attributes:
        name: Its name.
        model: The model that it asks.
        message: The serialised ModelInferRequest.
        framed: A file with the same as gRPC sends it, behind its five bytes.
        expected: A file with the inputs and the answer that ONNX Runtime gives, as JSON.
        path: The method that is called.
    """

    name: str
    model: str
    message: bytes
    framed: Path
    expected: Path
    path: str = INFER.decode()


def write_payloads(models: Path, folder: Path) -> dict[str, Payload]:
    """Write every request and its answer into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _write(name, models, folder) for name in ROWS}


def _write(name: str, models: Path, folder: Path) -> Payload:
    model, rows = ROWS[name]
    session = onnxruntime.InferenceSession(models / f"{model}.onnx")
    feeds = make_feeds(session, rows)
    answers = session.run(None, feeds)
    message = make_request(model, session, feeds).SerializeToString()
    framed = folder / f"{name}.bin"
    framed.write_bytes(frame(message))
    expected = folder / f"{name}.json"
    expected.write_text(json.dumps(_describe(model, session, feeds, answers)))
    return Payload(name, model, message, framed, expected)


def make_feeds(session: Any, rows: int) -> dict[str, Array]:
    """Make rows for a model, the same each time."""
    return {node.name: _make_column(node, rows) for node in session.get_inputs()}


def frame(message: bytes) -> bytes:
    """Put a message behind its five bytes, as gRPC sends it."""
    return b"\0" + struct.pack(">I", len(message)) + message


def _make_column(node: Any, rows: int) -> Array:
    width = node.shape[1]
    if _DATATYPES[node.type] == "BYTES":
        return np.full((rows, width), _TEXTS[node.name], np.object_)
    rng = np.random.default_rng([SEED, *node.name.encode()])
    return rng.normal(size=(rows, width)).astype(np.float32)


def make_request(model: str, session: Any, feeds: dict[str, Array]) -> pb.ModelInferRequest:
    """Make the request that asks a model for these rows, all elements raw."""
    request = pb.ModelInferRequest(model_name=model)
    for node in session.get_inputs():
        values = feeds[node.name]
        request.inputs.add(name=node.name, datatype=_DATATYPES[node.type], shape=values.shape)
        request.raw_input_contents.append(_write_raw(values))
    return request


def _write_raw(values: Array) -> bytes:
    if values.dtype != np.object_:
        return values.tobytes()
    texts = [text.encode() for text in values.ravel().tolist()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _describe(
    model: str, session: Any, feeds: dict[str, Array], answers: list[Array]
) -> dict[str, Any]:
    names = [node.name for node in session.get_outputs()]
    inputs = [
        {
            "name": node.name,
            "datatype": _DATATYPES[node.type],
            "shape": feeds[node.name].shape,
            "values": feeds[node.name].ravel().tolist(),
        }
        for node in session.get_inputs()
    ]
    outputs = [
        {"name": name, "shape": answer.shape, "values": answer.ravel().tolist()}
        for name, answer in zip(names, answers, strict=True)
    ]
    return {"model": model, "inputs": inputs, "outputs": outputs}
