"""Batches that are too large for one call, cut by rows, and their answers put together."""

import math
from collections.abc import Sequence

import numpy as np

from modelyard.cells import Input
from modelyard.prediction import Inference
from modelyard.tensors import BYTES, NUMPY_TYPES, Tensor

# Far below what a server takes (64 MiB of a request, if nothing else is set), no more than the
# channel keeps for a repeat, and little enough for several to be at work at a time. Texts
# differ in length, so that a slice may be larger than its share.
SLICE_BYTES = 3 * 2**20
SLICE_ELEMENTS = 1_000_000
# What a text of unknown length counts.
_TEXT_BYTES = 64


def count_rows(tensors: Sequence[Tensor], outputs: Sequence[Input]) -> int:
    """Tell how many rows there are to cut; 0 if tensors have no rows in common.

    Args:
        tensors: The inputs.
        outputs: What the model gives.
    """
    shapes = [tensor.array.shape for tensor in tensors]
    count = shapes[0][0] if shapes and shapes[0] else 0
    has_rows = all(shape and shape[0] == count for shape in shapes) and all(
        it.shape and it.shape[0] < 0 for it in outputs
    )
    return count if has_rows else 0


def cut(
    tensors: Sequence[Tensor], outputs: Sequence[Input], most_rows: int = 0
) -> list[list[Tensor]]:
    """Cut tensors into slices of whole rows; what can't be cut stays in one piece.

    Args:
        tensors: The inputs, each of shape [rows, ...].
        outputs: What the model gives, as its answers have bounds as well.
        most_rows: How many rows the server takes in a call; 0 if that is not known.
    """
    count = count_rows(tensors, outputs)
    step = max(1, int(count / _count_slices(tensors, outputs, count)))
    step = min(step, most_rows or step)
    if step >= count:
        return [list(tensors)]
    return [
        [Tensor(it.name, it.datatype, it.array[start : start + step]) for it in tensors]
        for start in range(0, count, step)
    ]


def join(answers: Sequence[Inference]) -> Inference:
    """Put the answers to slices together, in their order."""
    first = answers[0]
    if len(answers) == 1:
        return first
    outputs = {
        name: np.concatenate([answer.outputs[name] for answer in answers]) for name in first.outputs
    }
    return Inference(first.model, first.model_version, outputs)


def _count_slices(tensors: Sequence[Tensor], outputs: Sequence[Input], rows: int) -> float:
    """Tell how often the largest bound is filled."""
    elements = sum(tensor.array.size for tensor in tensors)
    coming = [abs(math.prod(it.shape[1:])) * _element_bytes(it.datatype) for it in outputs]
    most_bytes = max(sum(map(_count_bytes, tensors)), rows * sum(coming))
    return max(most_bytes / SLICE_BYTES, elements / SLICE_ELEMENTS, 1.0)


def _count_bytes(tensor: Tensor) -> int:
    """Tell about how many bytes a tensor has when it is written."""
    if tensor.datatype != BYTES:
        return tensor.array.nbytes
    return sum(map(len, tensor.array.ravel().tolist())) + 4 * tensor.array.size


def _element_bytes(datatype: str) -> int:
    """Tell how many bytes an element of an answer has."""
    return NUMPY_TYPES[datatype].itemsize if datatype in NUMPY_TYPES else _TEXT_BYTES
