"""The classification extension of Triton: the highest elements of an output, as text."""

import math
from collections.abc import Sequence

import numpy as np

from serving.elements import Array
from serving.errors import TensorInvalid

_MOST_ELEMENTS = 1_000_000


def classify(name: str, array: Array, wanted: int, labels: Sequence[str], *, by_row: bool) -> Array:
    """Pick the highest elements of an output.

    Args:
        name: The output's name, for errors.
        array: The output.
        wanted: How many elements to pick; fewer are there if the output has fewer.
        labels: What the elements stand for; used if there is one for each.
        by_row: Whether the first dimension is the number of rows, each with its own highest.

    Returns:
        An object array of `value:index` or `value:index:label`, highest first and not-a-number
        last, of shape [rows, picked] or [picked].

    Raises:
        TensorInvalid: The output is of another type than a number, or too large.
    """
    if array.dtype.kind not in "iuf" or array.dtype == np.float16:
        raise _refuse(name, "is neither FP32, FP64 nor whole numbers")
    if array.size > _MOST_ELEMENTS:
        raise _refuse(name, f"has {array.size} elements, more than {_MOST_ELEMENTS}")
    rows = array.reshape(len(array), math.prod(array.shape[1:])) if by_row else array.reshape(1, -1)
    # `~` turns the order of whole numbers round without overflow; both sorts keep NaN last.
    order = np.argsort(~rows if rows.dtype.kind in "iu" else -rows, axis=1, kind="stable")
    picked = order[:, :wanted]
    values = np.take_along_axis(rows, picked, axis=1)
    texts = _write_texts(values, picked, labels if len(labels) == rows.shape[1] else ())
    return texts if by_row else texts.reshape(-1)


def _write_texts(values: Array, indices: Array, labels: Sequence[str]) -> Array:
    texts: Array = np.ndarray(values.shape, np.object_)
    form = "%f:%d" if values.dtype.kind == "f" else "%d:%d"
    pairs = zip(values.ravel().tolist(), indices.ravel().tolist(), strict=True)
    texts.reshape(-1)[:] = [
        form % pair + (f":{labels[pair[1]]}" if labels else "") for pair in pairs
    ]
    return texts


def _refuse(name: str, problem: str) -> TensorInvalid:
    return TensorInvalid(
        f"output {name!r} is asked for with classification and {problem}; ask for it as it is",
        field=f'outputs["{name}"].parameters["classification"]',
    )
