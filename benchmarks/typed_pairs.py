"""The same rows twice: for ModelInfer, and for the model's typed service."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.cases import COLUMNS, LINEAR
from benchmarks.payloads import Array, Payload, frame, make_feeds, make_request
from modelyard.inference.v1 import inference_pb2 as pb
from registry.schema import ModelSchema
from serving.typed.service import TypedService

ROWS = (1, 1000)
MODELS = (COLUMNS, LINEAR)


@dataclass(frozen=True, slots=True)
class Pair:
    """One question in two forms.

    Attributes:
        title: For people.
        rows: How many rows it has.
        infer: As ModelInfer has it.
        typed: As the typed service has it.
    """

    title: str
    rows: int
    infer: Payload
    typed: Payload


class WrongAnswer(Exception):
    """The two forms are answered differently, or not as ONNX Runtime answers."""


def make_pair(service: TypedService, model: Path, rows: int, folder: Path) -> Pair:
    """Make a question of so many rows, and write both forms into a folder."""
    session = onnxruntime.InferenceSession(model)
    feeds = make_feeds(session, rows)
    name = f"{model.stem}-{rows}"
    infer = make_request(model.stem, session, feeds).SerializeToString()
    method = "Predict" if rows == 1 else "BatchPredict"
    request = service.types.requests[method](**_fields(service.schema, feeds, rows))
    typed = request.SerializeToString()
    (folder / f"{name}-infer.bin").write_bytes(frame(infer))
    (folder / f"{name}-typed.bin").write_bytes(frame(typed))
    nothing = folder / "none"
    return Pair(
        f"{model.stem}, {rows} row{'s' if rows > 1 else ''}",
        rows,
        Payload(name, model.stem, infer, folder / f"{name}-infer.bin", nothing),
        Payload(
            name,
            model.stem,
            typed,
            folder / f"{name}-typed.bin",
            nothing,
            f"/{service.name}/{method}",
        ),
    )


def _fields(schema: ModelSchema, feeds: dict[str, Array], rows: int) -> dict[str, Any]:
    fields = {}
    for field in schema.inputs:
        values = feeds[field.column.name].ravel().tolist()
        alone = rows == 1 and not field.column.is_list
        fields[field.name] = values[0] if alone else values
    return fields


def check_answers(
    service: TypedService, model: Path, rows: int, infer: bytes, typed: bytes
) -> None:
    """Compare both answers with ONNX Runtime's own.

    Raises:
        WrongAnswer: One differs.
    """
    session = onnxruntime.InferenceSession(model)
    wanted = session.run(None, make_feeds(session, rows))
    method = "Predict" if rows == 1 else "BatchPredict"
    answer = service.types.responses[method].FromString(typed)
    raw = pb.ModelInferResponse.FromString(infer).raw_output_contents
    fields = {field.column.name: field.name for field in service.schema.outputs}
    for node, array, data in zip(session.get_outputs(), wanted, raw, strict=True):
        found = np.array(getattr(answer, fields[node.name])).ravel()
        if array.dtype == np.object_:
            same = found.tolist() == array.ravel().tolist()
        else:
            same = np.allclose(found, array.ravel(), rtol=1e-6) and data == array.tobytes()
        if not same:
            raise WrongAnswer(f"{model.stem}, {rows} rows: {node.name} is another")
