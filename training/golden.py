"""Chooses a version's golden rows: what it must answer wherever it is loaded."""

import numpy as np

from registry import golden_rows
from registry.golden_rows import GoldenRows, GoldenTensor, as_cell
from registry.signature import Signature, TensorSpec
from training.features import Array, Rows, spread_rows
from training.parity import Answers, measure_spacing

_ORDINARY_ROWS = 10
_ROWS_OF_A_KIND = 5
# Values of the extreme rows are so large that no tolerance would fit them and the others.
_KINDS = (
    "missing values",
    "unseen categories",
    "non-ASCII categories",
    "unusual texts",
    "unusual times",
)


def choose_rows(sets: dict[str, Rows], ordinary: str) -> Rows:
    """Choose some rows of the ordinary set and, spread over each kind of edge, a few others."""
    chosen = [spread_rows(sets[ordinary], _ORDINARY_ROWS)]
    chosen += [spread_rows(sets[kind], _ROWS_OF_A_KIND) for kind in _KINDS if kind in sets]
    return {name: np.concatenate([rows[name] for rows in chosen]) for name in chosen[0]}


def write_golden_rows(
    signature: Signature, rows: Rows, answers: Answers, scale: float, tolerance: float
) -> bytes:
    """Write golden rows with the pipeline's answers.

    Args:
        signature: The model's inputs and outputs.
        rows: The inputs.
        answers: What the pipeline says to them.
        scale: The target's standard deviation, of several the smallest; 1 for classification.
        tolerance: The largest difference that is let through, in units of the scale.

    Returns:
        The artifact. Rows with a label that hangs on rounding are not in it; if all are such,
        the labels are not.
    """
    is_certain = answers.margins > tolerance
    certain = np.flatnonzero(is_certain if is_certain.ndim == 1 else is_certain.all(axis=1))
    keep = certain if certain.size else np.arange(len(answers.numbers))
    numbers = answers.numbers[keep]
    outputs = {signature.outputs[-1].name: _to_tensor(signature.outputs[-1], numbers)}
    if certain.size:
        label = signature.outputs[0]
        outputs[label.name] = _to_tensor(label, answers.labels[keep])
    inputs = {
        spec.name: _to_tensor(spec, rows[spec.name][keep, np.newaxis]) for spec in signature.inputs
    }
    spacing = float(measure_spacing(numbers).max())
    golden = GoldenRows(inputs, outputs, tolerance * scale + spacing)
    return golden_rows.to_json(golden)


def _to_tensor(spec: TensorSpec, values: Array) -> GoldenTensor:
    return GoldenTensor(
        spec.datatype, values.shape, tuple(as_cell(value) for value in values.ravel().tolist())
    )
