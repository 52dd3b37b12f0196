"""What a model answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import grpc
import numpy as np

from modelyard.error import ModelyardError
from modelyard.inference.v1.inference_pb2 import ModelInferResponse
from modelyard.tensors import Array, decode

LABEL = "label"
LABELS = "labels"
PROBABILITIES = "probabilities"
VALUE = "value"

_ROWS_IN_REPR = 5


@dataclass(frozen=True, eq=False)
class Inference:
    """The tensors that a model answered.

    Attributes:
        model: The model's id.
        model_version: The number of the version that answered.
        outputs: The tensors by name, read-only; of BYTES objects.
    """

    model: str
    model_version: str
    outputs: Mapping[str, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Inference):
    """What a model predicted for rows; text is text here.

    Attributes:
        classes: The classes, or labels, in the order of the probabilities; empty if not known.
        targets: What is predicted, in the order of `value` or `labels`; empty if not known.
    """

    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @property
    def label(self) -> Array:
        """The predicted class of each row, shape [rows]."""
        return self._output(LABEL).reshape(-1)

    @property
    def labels(self) -> Array:
        """Whether each of several labels holds, shape [rows, labels]; `targets` names them."""
        return self._output(LABELS)

    @property
    def value(self) -> Array:
        """The predicted number of each row, shape [rows]; of several targets [rows, targets]."""
        value = self._output(VALUE)
        return value if value.ndim > 1 and value.shape[1] > 1 else value.reshape(-1)

    @property
    def value_by_target(self) -> dict[str, Array]:
        """The predicted numbers of each target by its name, each of shape [rows]."""
        return dict(zip(self.targets, np.atleast_2d(self._output(VALUE)).T, strict=False))

    @property
    def probabilities(self) -> Array:
        """The probability of each class or label, shape [rows, classes]; `classes` names them."""
        return self._output(PROBABILITIES)

    @property
    def probability_by_class(self) -> dict[str, Array]:
        """The probability of each class by its name, each of shape [rows]."""
        return dict(zip(self.classes, self.probabilities.T, strict=False))

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The same, row by row in plain Python values; probabilities by class if known."""
        names = list(self.outputs)
        by_row = zip(
            *(np.atleast_1d(array).tolist() for array in self.outputs.values()), strict=False
        )
        return [
            {name: self._plain(name, cell) for name, cell in zip(names, cells, strict=True)}
            for cells in by_row
        ]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Show where the prediction comes from, and its first rows."""
        shown = [", ".join(_words(row)) for row in self.rows[:_ROWS_IN_REPR]]
        more = ["..."] if len(self) > _ROWS_IN_REPR else []
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        return f"<{self.model} version {self.model_version}, {rows}: {'; '.join(shown + more)}>"

    def _output(self, name: str) -> Array:
        """Return an output, or tell which there are."""
        try:
            return self.outputs[name]
        except KeyError:
            there_are = ", ".join(f"'{it}'" for it in self.outputs)
            raise AttributeError(
                f"model '{self.model}' has no output '{name}'; it has {there_are}"
            ) from None

    def _plain(self, name: str, cell: Any) -> Any:
        """Return one row of an output as a value, a list, or values by class or target."""
        columns = {PROBABILITIES: self.classes, LABELS: self.targets, VALUE: self.targets}
        names = columns.get(name, ())
        if isinstance(cell, list) and len(cell) == len(names) and (len(cell) > 1 or name != VALUE):
            return dict(zip(names, cell, strict=True))
        return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell


@dataclass(frozen=True, slots=True)
class RowPrediction:
    """What a model predicted for one row, in plain Python values.

    Attributes:
        label: The predicted class; None if the model gives none, as a regression.
        value: The predicted number; None if the model gives none, as a classification.
        probabilities: The probability of each class by its name; empty if not known.
        model_version: The number of the version that answered.
        outputs: Everything that the model gave, by the names that it has there.
    """

    label: Any
    value: Any
    probabilities: Mapping[str, float]
    model_version: str
    outputs: Mapping[str, Any] = field(repr=False)


def read_inference(answer: ModelInferResponse) -> Inference:
    """Read an answer's tensors.

    Raises:
        ModelyardError: They are damaged.
    """
    try:
        outputs = {
            output.name: decode(raw, output.datatype, tuple(output.shape))
            for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
        }
    except (ValueError, KeyError) as error:
        raise ModelyardError(
            f"the answer of model '{answer.model_name}' can't be read: {error}",
            code=grpc.StatusCode.DATA_LOSS,
        ) from error
    return Inference(answer.model_name, answer.model_version, outputs)


def has_named_columns(inference: Inference) -> bool:
    """Tell whether an output has columns that the registry has names for."""
    shapes = {name: array.shape for name, array in inference.outputs.items()}
    return PROBABILITIES in shapes or max(shapes.get(VALUE, ())[1:], default=1) > 1


def as_prediction(
    inference: Inference, classes: Sequence[str], targets: Sequence[str] = ()
) -> Prediction:
    """Make bytes text, and name the classes and targets."""
    outputs = {name: _as_text(array) for name, array in inference.outputs.items()}
    return Prediction(
        inference.model, inference.model_version, outputs, tuple(classes), tuple(targets)
    )


def as_row(prediction: Prediction) -> RowPrediction:
    """Take the only row of a prediction.

    Raises:
        ModelyardError: There is another number of rows.
    """
    if len(prediction) != 1:
        raise ModelyardError(
            f"model '{prediction.model}' answered one row with {len(prediction)}; it does not "
            "answer row by row, so ask it with infer",
            code=grpc.StatusCode.FAILED_PRECONDITION,
        )
    row = prediction.rows[0]
    chances = row.get(PROBABILITIES)
    return RowPrediction(
        label=row.get(LABEL),
        value=row.get(VALUE),
        probabilities=chances if isinstance(chances, dict) else {},
        model_version=prediction.model_version,
        outputs=row,
    )


def _as_text(array: Array) -> Array:
    """Turn the elements of BYTES into text; what is no UTF-8 shows as such."""
    if array.dtype != object:
        return array
    texts = np.empty(array.size, dtype=object)
    texts[:] = [element.decode(errors="replace") for element in array.ravel()]
    return texts.reshape(array.shape)


def _words(row: Mapping[str, Any]) -> list[str]:
    """Tell a row in few words: the label with its probability, or each output."""
    chance = row.get(PROBABILITIES)
    if isinstance(row.get(LABELS), dict) and isinstance(chance, dict):
        held = [f"{name} {chance[name]:.3f}" for name, holds in row[LABELS].items() if holds]
        return held or ["no label"]
    if LABEL in row and isinstance(chance, dict):
        # Classes are text; a label that is a truth value need not be written like its class.
        sure = chance.get(str(row[LABEL]), max(chance.values()))
        return [f"{row[LABEL]} {sure:.3f}"]
    return [
        f"{name} {cell:.6g}" if isinstance(cell, float) else f"{name} {cell}"
        for name, cell in row.items()
    ]
