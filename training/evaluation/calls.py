"""How to call a version, with a golden row filled in: lines that work when they are pasted."""

import base64
from dataclasses import dataclass

from registry.golden_rows import Cell, GoldenRows, GoldenTensor
from registry.schema import ModelSchema
from registry.schema_examples import shorten_cell, write_example_line, write_grpcurl_line

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


def describe_calls(
    model_id: str, schema: ModelSchema | None, golden: GoldenRows
) -> tuple[Call, ...]:
    """Describe the ways to have the champion of a model predict the first golden row.

    Args:
        model_id: The model.
        schema: Its typed service; None if the version can have none.
        golden: The golden rows.
    """
    calls = [
        Call("Open Inference Protocol", "sh", _tensor_call(model_id, golden)),
        Call("Python client", "python", _python_call(model_id, golden)),
    ]
    if schema:
        line = write_example_line(schema, golden, _ADDRESS)
        calls.insert(0, Call("The model's own typed service", "sh", line))
    return tuple(calls)


def _tensor_call(model_id: str, golden: GoldenRows) -> str:
    tensors = [_to_tensor(name, tensor) for name, tensor in golden.inputs.items()]
    request = {"model_name": model_id, "inputs": tensors}
    return write_grpcurl_line(request, "inference.GRPCInferenceService/ModelInfer", _ADDRESS)


def _to_tensor(name: str, tensor: GoldenTensor) -> dict[str, object]:
    value = shorten_cell(tensor.datatype, tensor.values[0])
    if tensor.datatype == "BYTES":
        value = base64.b64encode(str(value).encode()).decode()
    contents = {_CONTENTS[tensor.datatype]: [value]}
    return {"name": name, "datatype": tensor.datatype, "shape": [1, 1], "contents": contents}


def _python_call(model_id: str, golden: GoldenRows) -> str:
    row = {name: _cell(tensor) for name, tensor in golden.inputs.items()}
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


def _cell(tensor: GoldenTensor) -> Cell | None:
    """Return the first row's value; None where it is missing."""
    value = tensor.values[0]
    if tensor.datatype == "BYTES":
        return value or None
    # NaN and the infinities, which count as missing too, are words.
    return None if isinstance(value, str) else shorten_cell(tensor.datatype, value)
