"""What goes into a model and comes out of it: plain values, shared by all areas."""

from dataclasses import dataclass
from enum import StrEnum

CHAMPION = "champion"
"""The alias that is served where a caller names no version."""


class Task(StrEnum):
    """What a model does; regression may be of one target or of several."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    MULTILABEL_CLASSIFICATION = "multilabel_classification"

    @property
    def of_one_target(self) -> "Task":
        """The task for each target alone: that of many labels is a classification for each."""
        return Task.REGRESSION if self is Task.REGRESSION else Task.CLASSIFICATION


class Role(StrEnum):
    """What a feature column holds."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: The name, for a feature the column's.
        datatype: The Open Inference Protocol's name of the type, such as FP32 or BYTES.
        shape: The dimensions, -1 for any length.
        role: What the column holds; None for outputs and models made elsewhere.
        categories: The categories seen in training, most frequent first, at most 100.
        minimum: The smallest number seen in training.
        maximum: The largest number seen in training.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    role: Role | None = None
    categories: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in the order of its file."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
