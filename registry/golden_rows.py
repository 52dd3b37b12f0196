"""Golden rows: inputs with the outputs a version must give, kept as its artifact.

The file is JSON, so that a person can read it. NaN and the infinities, which JSON
lacks, stand as the words "NaN", "Infinity" and "-Infinity"; the type of the tensor
tells them from text.
"""

import math
from dataclasses import dataclass

from pydantic import TypeAdapter

ARTIFACT_ID = "golden-rows.json"

Cell = bool | int | float | str
"""One element as JSON has it."""


@dataclass(frozen=True, slots=True)
class GoldenTensor:
    """One tensor's elements.

    Attributes:
        datatype: The Open Inference Protocol's name of the type.
        shape: The dimensions, all >= 0.
        values: The elements in row-major order; text is UTF-8.
    """

    datatype: str
    shape: tuple[int, ...]
    values: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class GoldenRows:
    """Rows that a version must answer as it did when it was made.

    Attributes:
        inputs: Every input tensor by name.
        outputs: The output tensors to compare, by name.
        tolerance: The largest difference of a floating-point number that is let
            through; everything else must be equal.
    """

    inputs: dict[str, GoldenTensor]
    outputs: dict[str, GoldenTensor]
    tolerance: float = 1e-5


_ADAPTER = TypeAdapter(GoldenRows)


def to_json(rows: GoldenRows) -> bytes:
    """Write golden rows as the artifact's bytes; infinities and NaN must be words already."""
    return _ADAPTER.dump_json(rows)


def from_json(data: bytes) -> GoldenRows:
    """Read the artifact's bytes.

    Raises:
        pydantic.ValidationError: They are no golden rows.
    """
    return _ADAPTER.validate_json(data)


def as_cell(value: Cell) -> Cell:
    """Make a value fit for JSON: NaN and the infinities become words."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
