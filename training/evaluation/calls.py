"""How to call a version, with a golden row filled in: lines that work when they are pasted."""

import base64
import json
import re
import shlex
from dataclasses import dataclass

import numpy as np

from registry.golden_rows import Cell, GoldenRows, GoldenTensor

_ADDRESS = "HOST:PORT"
_CONTENTS = {
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "INT64": "int64_contents",
    "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call.

    Attributes:
        title: What it uses.
        language: Of the text: `sh` or `python`.
        text: What to paste.
    """

    title: str
    language: str
    text: str


def describe_calls(model_id: str, golden: GoldenRows) -> tuple[Call, ...]:
    """Describe three ways to have the champion of a model predict the first golden row."""
    row = {name: _cell(tensor) for name, tensor in golden.inputs.items()}
    known = {name: value for name, value in row.items() if value is not None}
    return (
        Call("The model's own typed service", "sh", _typed_call(model_id, known)),
        Call("Open Inference Protocol", "sh", _tensor_call(model_id, golden)),
        Call("Python client", "python", _python_call(model_id, row)),
    )


def _cell(tensor: GoldenTensor) -> Cell | None:
    """Return the first row's value; None where it is missing."""
    value = tensor.values[0]
    if tensor.datatype == "BYTES":
        return value or None
    # NaN and the infinities, which count as missing too, are words.
    return None if isinstance(value, str) else _shorten(tensor.datatype, value)


def _shorten(datatype: str, value: Cell) -> Cell:
    """Write an FP32 number with the digits that it has."""
    return float(str(np.float32(value))) if datatype == "FP32" else value


def _typed_call(model_id: str, row: dict[str, Cell]) -> str:
    package = model_id.replace("-", "_")
    service = "".join(part.capitalize() for part in re.split("-+", model_id))
    return _grpcurl(row, f"models.{package}.v1.{service}/Predict")


def _tensor_call(model_id: str, golden: GoldenRows) -> str:
    tensors = [_to_tensor(name, tensor) for name, tensor in golden.inputs.items()]
    request = {"model_name": model_id, "inputs": tensors}
    return _grpcurl(request, "inference.GRPCInferenceService/ModelInfer")


def _to_tensor(name: str, tensor: GoldenTensor) -> dict[str, object]:
    value = tensor.values[0]
    if tensor.datatype == "BYTES":
        value = base64.b64encode(str(value).encode()).decode()
    elif not isinstance(value, str):
        value = _shorten(tensor.datatype, value)
    contents = {_CONTENTS[tensor.datatype]: [value]}
    return {"name": name, "datatype": tensor.datatype, "shape": [1, 1], "contents": contents}


def _grpcurl(request: object, method: str) -> str:
    text = json.dumps(request, ensure_ascii=False)
    # What can't be seen, such as marks that turn the direction of writing, is written out.
    plain = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return f"grpcurl -plaintext -d {shlex.quote(plain)} {_ADDRESS} {method}"


def _python_call(model_id: str, row: dict[str, Cell | None]) -> str:
    lines = [f"        {name!r}: {value!r}," for name, value in row.items()]
    return "\n".join(
        [
            "from modelyard import Client",
            "",
            f'with Client("{_ADDRESS}") as client:',
            f"    answer = client.predict({model_id!r}, {{",
            *lines,
            "    })",
        ]
    )
