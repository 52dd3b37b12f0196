"""A typed call to paste into a shell, filled with a golden row."""

import json
import math
import shlex
from typing import Any

from registry.golden_rows import Cell, GoldenRows
from registry.schema import ModelSchema
from registry.schema_names import service_of


def make_example(schema: ModelSchema, golden: GoldenRows, row: int = 0) -> dict[str, Any]:
    """Make the JSON of a `PredictRequest`; what is missing in the row is left out.

    Args:
        schema: The typed service.
        golden: Rows of a version that fits it.
        row: Which row, from 0.
    """
    request: dict[str, Any] = {}
    for field in schema.inputs:
        tensor = golden.inputs.get(field.column.name)
        if tensor is None:
            continue
        width = math.prod(tensor.shape[1:])
        cells = tensor.values[row * width : (row + 1) * width]
        if field.column.is_list:
            request[field.name] = list(cells)
        elif not _is_missing(cells[0]):
            request[field.name] = cells[0]
    return request


def write_example_line(
    schema: ModelSchema, golden: GoldenRows, address: str = "127.0.0.1:8001"
) -> str:
    """Write a grpcurl line that asks a server for its first golden row."""
    request = json.dumps(make_example(schema, golden), ensure_ascii=False)
    method = f"{service_of(schema.model_id, schema.major)}/Predict"
    return f"grpcurl -plaintext -d {shlex.quote(request)} {address} {method}"


def _is_missing(cell: Cell) -> bool:
    """Tell whether a cell says that there is no value; NaN is a word in golden rows."""
    return cell in {"", "NaN"}
