"""What each input of a model must be: its type, its shape, how many elements at most."""

import math
from typing import Any

import numpy as np

from registry.datatypes import NUMPY_TYPES
from registry.signature import Signature, TensorSpec
from serving.errors import TensorInvalid

_SHOWN_LENGTHS = 8


class InputRule:
    """What one input must be, worked out once for all calls.

    Attributes:
        name: The input's name.
        datatype: The Open Inference Protocol's name of the type.
        dtype: NumPy's type; object for text.
        is_text: Whether the type is BYTES.
        is_batched: Whether the first dimension is the number of rows, of any length.
        row_tail: The dimensions after the first, if it is batched and they are fixed.
        row_elements: The product of the fixed dimensions, at least 1.
    """

    __slots__ = (
        "datatype",
        "dtype",
        "is_batched",
        "is_text",
        "name",
        "row_elements",
        "row_tail",
        "shape",
    )

    def __init__(self, spec: TensorSpec) -> None:
        self.name = spec.name
        self.datatype = spec.datatype
        self.dtype: np.dtype[Any] = NUMPY_TYPES[spec.datatype]
        self.is_text = spec.datatype == "BYTES"
        self.shape = list(spec.shape)
        self.is_batched = spec.shape[:1] == (-1,)
        tail = self.shape[1:]
        self.row_tail = tail if self.is_batched and -1 not in tail else None
        self.row_elements = math.prod(length for length in spec.shape if length > 0)

    @property
    def path(self) -> str:
        """The request's field that holds this input, for errors."""
        return f'inputs["{self.name}"]'

    def count_elements(self, shape: list[int]) -> int:
        """Check the dimensions that a caller sent and return their product.

        A batch of no rows is refused, although ONNX Runtime runs some graphs on it:
        others fail inside, and a caller who sends none has lost them on the way.

        Raises:
            TensorInvalid: Another number of dimensions, another fixed length, or a
                length below 1.
        """
        if shape and shape[1:] == self.row_tail and shape[0] > 0:
            return shape[0] * self.row_elements
        if not self._fits(shape):
            free = ", where -1 is any length from 1" if -1 in self.shape else ""
            raise TensorInvalid(
                f"input {self.name!r} must have the shape {self.shape}{free}; it has"
                f" {shape[:_SHOWN_LENGTHS]}{'...' if len(shape) > _SHOWN_LENGTHS else ''}",
                field=f"{self.path}.shape",
            )
        return math.prod(shape)

    def _fits(self, shape: list[int]) -> bool:
        return len(shape) == len(self.shape) and all(
            length == wanted if wanted >= 0 else length > 0
            for length, wanted in zip(shape, self.shape, strict=True)
        )


def make_rules(signature: Signature) -> dict[str, InputRule]:
    """Work out what each input must be, by name, in the model's order."""
    return {spec.name: InputRule(spec) for spec in signature.inputs}


def takes_rows(signature: Signature) -> bool:
    """Tell whether the first dimension of all inputs and outputs is the number of rows."""
    return all(spec.shape[:1] == (-1,) for spec in (*signature.inputs, *signature.outputs))


def count_most_rows(signature: Signature, max_elements: int) -> int:
    """Tell how many rows a call may have; one is never too many.

    Args:
        signature: A model that takes rows; of its other free dimensions the shortest counts.
        max_elements: The most elements that the inputs of one call have together.
    """
    per_row = sum(math.prod(n for n in spec.shape if n > 0) for spec in signature.inputs)
    return max(1, max_elements // max(per_row, 1))
