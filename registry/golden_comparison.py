"""Runs golden rows and compares: at admission, and where another runtime loads the version."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import ValidationError

from registry import golden_rows
from registry.datatypes import NUMPY_TYPES
from registry.golden_rows import GoldenRows, GoldenTensor
from registry.reports import Fault
from registry.signature import Signature

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
Run = Callable[[Feeds, list[str]], list[Array]]
"""Runs the model: inputs by name and the names of outputs to these outputs."""


class GoldenRowsRefused(Exception):
    """The golden rows are none, or the model does not answer them as it should.

    Args:
        reason: For programs.
        message: For people; what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(reason, message)


def parse_golden_rows(content: bytes) -> GoldenRows:
    """Read the artifact's bytes.

    Raises:
        GoldenRowsRefused: They are no golden rows.
    """
    try:
        return golden_rows.from_json(content)
    except ValidationError as error:
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_INVALID",
            f"golden-rows.json is not what it should be: {error.errors()[0]['msg']}",
        ) from error


def run_golden_rows(run: Run, signature: Signature, golden: GoldenRows) -> float:
    """Run the golden rows; return the largest difference of a number.

    Raises:
        GoldenRowsRefused: They don't fit the signature, or an answer differs.
    """
    wanted = {spec.name for spec in signature.inputs}
    if set(golden.inputs) != wanted or not golden.outputs:
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_INVALID",
            f"golden-rows.json must have the inputs {sorted(wanted)} and an output",
        )
    if unknown := set(golden.outputs) - {spec.name for spec in signature.outputs}:
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_INVALID", f"the model has no outputs {sorted(unknown)}"
        )
    names = list(golden.outputs)
    answers = run({name: to_array(name, golden.inputs[name]) for name in wanted}, names)
    return max(
        _compare(name, answer, to_array(name, golden.outputs[name]), golden.tolerance)
        for name, answer in zip(names, answers, strict=True)
    )


def to_array(name: str, tensor: GoldenTensor) -> Array:
    """Make an array of a tensor.

    Raises:
        GoldenRowsRefused: Its elements are not what it says.
    """
    try:
        values = np.array(tensor.values, dtype=object).astype(NUMPY_TYPES[tensor.datatype])
        return values.reshape(tensor.shape)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_INVALID",
            f"the tensor {name!r} of golden-rows.json is no {tensor.datatype[:20]} of shape"
            f" {list(tensor.shape)}",
        ) from error


def _compare(name: str, answer: Array, expected: Array, tolerance: float) -> float:
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_DIFFER",
            f"the output {name!r} is {answer.dtype} of shape {list(answer.shape)}; golden are"
            f" {expected.dtype} of shape {list(expected.shape)}",
        )
    if answer.dtype.kind != "f":
        difference, differ = 0.0, answer != expected
    else:
        both_nan = np.isnan(answer) & np.isnan(expected)
        with np.errstate(invalid="ignore"):
            gaps = np.abs(answer.astype(np.float64) - expected.astype(np.float64))
        gaps[both_nan | (answer == expected)] = 0.0
        difference, differ = float(gaps.max(initial=0.0)), ~(gaps <= tolerance)
    if differ.any():
        raise GoldenRowsRefused(
            "GOLDEN_ROWS_DIFFER",
            f"the output {name!r} differs from golden in {int(differ.sum())} of {differ.size}"
            f" elements, by at most {difference:.3g} (let through: {tolerance:g})",
        )
    return difference
