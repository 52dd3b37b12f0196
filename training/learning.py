"""How targets are learned: which, with what weights, calibrated or not, and how exactly."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.errors import FieldInvalid
from registry.signature import Task
from training.catalog import TRAINERS, Settings, TrainerSpec

MAX_TARGETS = 100
DEFAULT_TOLERANCE = 1e-5
MOST_TOLERANCE = 1e-3
"""What a job may ask for at most, unless the operator says otherwise."""

LEAST_WEIGHT, LARGEST_WEIGHT = 1e-9, 1e9
"""The bounds of a weight. Beyond them sums in FP32, which boosting makes, lose small ones."""

_FIELD = "training_job."


class Calibration(StrEnum):
    """How probabilities are calibrated."""

    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class Learning:
    """How targets are learned.

    Attributes:
        targets: The columns to predict where there are several; empty for one.
        weight_column: The column that says how much each row counts; empty for none.
        class_weights: How much the rows of a class count in training, by the class as text.
        calibration: How probabilities are calibrated; None leaves them as they are.
        parity_tolerance: How far the graph may be from the pipeline.
    """

    targets: tuple[str, ...] = ()
    weight_column: str = ""
    class_weights: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    parity_tolerance: float = DEFAULT_TOLERANCE

    def describe(self) -> dict[str, object]:
        """List what is asked for and not what is so by itself."""
        values = {
            "weight_column": self.weight_column,
            "class_weights": dict(self.class_weights),
            "calibration": self.calibration,
        }
        found: dict[str, object] = {name: value for name, value in values.items() if value}
        if self.parity_tolerance != DEFAULT_TOLERANCE:
            found["parity_tolerance"] = self.parity_tolerance
        return found


def check_learning(
    learning: Learning, task: Task, trainer: TrainerSpec, settings: Settings
) -> None:
    """Check that a trainer with its settings can learn a task in this way.

    Raises:
        FieldInvalid: It can't; the error names the field and what to use in its place.
    """
    _check_number_of_targets(learning, task)
    _check_class_weights(learning, task)
    if learning.class_weights and getattr(settings, "class_weight", "none") != "none":
        raise FieldInvalid(
            "the setting class_weight weighs classes already; set it to none, or leave"
            " class_weights out",
            field=_FIELD + "class_weights",
        )
    if learning.calibration and task is Task.REGRESSION:
        raise FieldInvalid(
            "calibration is for the probabilities of a classification; a regression has none",
            field=_FIELD + "calibration",
        )
    for name in ("weight_column", "class_weights"):
        if getattr(learning, name) and not trainer.takes_weights:
            able = [it.id for it in TRAINERS.values() if it.takes_weights and it.can_do(task)]
            raise FieldInvalid(
                f"the trainer {trainer.id!r} can't weigh rows; {', '.join(able)} can",
                field=_FIELD + name,
            )


def _check_number_of_targets(learning: Learning, task: Task) -> None:
    if learning.targets and task is Task.CLASSIFICATION:
        raise FieldInvalid(
            "a classification has one target; for several ask for multilabel_classification, or"
            " train a model for each",
            field=_FIELD + "task",
        )
    if not learning.targets and task is Task.MULTILABEL_CLASSIFICATION:
        raise FieldInvalid(
            "a multilabel classification has several targets, one for each label; name them in"
            " targets, or ask for classification",
            field=_FIELD + "targets",
        )


def _check_class_weights(learning: Learning, task: Task) -> None:
    name = _FIELD + "class_weights"
    if learning.class_weights and task is not Task.CLASSIFICATION:
        raise FieldInvalid(
            f"class_weights are for a classification of one target, not for {task}; name a"
            " weight_column to weigh rows",
            field=name,
        )
    for label, weight in learning.class_weights.items():
        if not (math.isfinite(weight) and LEAST_WEIGHT <= weight <= LARGEST_WEIGHT):
            raise FieldInvalid(
                f"the weight of the class {label[:100]!r} must be from {LEAST_WEIGHT:g} to"
                f" {LARGEST_WEIGHT:g}; to leave a class out, leave its rows out",
                field=name,
                details={"class": label[:100]},
            )
