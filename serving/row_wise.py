"""Tells whether a model answers row by row, so that rows of several callers may share a run."""

from typing import Any

import numpy as np

from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature, TensorSpec
from serving.errors import ModelRunFailed
from serving.onnx_model import Array, OnnxModel

# ONNX Runtime may compute several rows by other instructions than one, so that the last
# digits of numbers differ; what a row takes from another row differs by more.
_ROUNDING_STEPS = 64


def is_row_wise(model: OnnxModel, signature: Signature) -> bool:
    """Run two different rows, alone and in both orders, and compare the answers.

    That finds models with a fixed batch, and those in which rows have a part in each
    other's answers, such as by a mean or a sum over the batch.

    Args:
        model: What to run; it takes a few runs.
        signature: What goes in and comes out.
    """
    if not signature.inputs or not all(_has_free_rows(spec) for spec in signature.inputs):
        return False
    names = [spec.name for spec in signature.outputs]
    rows = {spec.name: _two_rows(spec) for spec in signature.inputs}
    try:
        alone = [
            model.run({name: two[i : i + 1] for name, two in rows.items()}, names) for i in (0, 1)
        ]
        for order in ([0, 1], [1, 0]):
            together = model.run({name: two[order] for name, two in rows.items()}, names)
            if not all(
                _is_joined(joined, [alone[i][at] for i in order])
                for at, joined in enumerate(together)
            ):
                return False
    except ModelRunFailed:
        return False
    return True


def _has_free_rows(spec: TensorSpec) -> bool:
    """Tell whether only the number of rows is free, so that rows can stand in one tensor."""
    return spec.shape[:1] == (-1,) and -1 not in spec.shape[1:]


def _two_rows(spec: TensorSpec) -> Array:
    """Make two rows that differ: what training saw where that is known."""
    values: list[Any] = [spec.minimum or 0, spec.maximum or 1]
    if values[0] == values[1]:
        values[1] = 0  # fits every type, and the first is not 0 here
    if spec.datatype == "BYTES":
        values = [*spec.categories[:2], "", "a"][:2]
    elif spec.datatype == "BOOL":
        values = [False, True]
    two = np.empty((2, *spec.shape[1:]), NUMPY_TYPES[spec.datatype])
    two[0], two[1] = values
    return two


def _is_joined(joined: Array, singles: list[Array]) -> bool:
    first, second = singles
    if first.shape[:1] != (1,) or first.shape != second.shape:
        return False
    wanted = np.concatenate(singles)
    if joined.shape != wanted.shape:
        return False
    if joined.dtype.kind != "f":
        return bool((joined == wanted).all())
    step = float(np.finfo(joined.dtype).eps) * _ROUNDING_STEPS
    return np.allclose(joined, wanted, rtol=step, atol=step, equal_nan=True)
