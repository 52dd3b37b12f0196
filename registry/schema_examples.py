"""A typed call to paste into a shell, filled with a golden row."""

import json
import math
import shlex
from typing import Any

import numpy as np

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
            request[field.name] = [shorten_cell(tensor.datatype, cell) for cell in cells]
        elif not _is_missing(cells[0]):
            request[field.name] = shorten_cell(tensor.datatype, cells[0])
    return request


def write_example_line(
    schema: ModelSchema, golden: GoldenRows, address: str = "127.0.0.1:8001"
) -> str:
    """Write a grpcurl line that asks a server for its first golden row."""
    method = f"{service_of(schema.model_id, schema.major)}/Predict"
    return write_grpcurl_line(make_example(schema, golden), method, address)


def write_grpcurl_line(request: object, method: str, address: str) -> str:
    """Write a call as a line for a shell; the request is anything that JSON has."""
    text = json.dumps(request, ensure_ascii=False)
    # What can't be seen, such as marks that turn the direction of writing, is written out.
    plain = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    return f"grpcurl -plaintext -d {shlex.quote(plain)} {address} {method}"


def shorten_cell(datatype: str, cell: Cell) -> Cell:
    """Write an FP32 number with the digits that it has."""
    if datatype != "FP32" or isinstance(cell, str):
        return cell
    return float(str(np.float32(cell)))


def _is_missing(cell: Cell) -> bool:
    """Tell whether a cell says that there is no value; NaN is a word in golden rows."""
    return cell in {"", "NaN"}
