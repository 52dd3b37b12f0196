"""What a pipeline says of rows whose target is known, in the form that figures are made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.features import Array, Rows, to_frame


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """Predictions of classes.

    Attributes:
        classes: [classes] What the version can answer, sorted.
        truths: [rows] The place of each row's class; `len(classes)` for one that was not
            among the rows learned from.
        labels: [rows] The place of the class that was predicted.
        probabilities: [rows, classes] What was thought of each.
    """

    classes: Array
    truths: Array
    labels: Array
    probabilities: Array


@dataclass(frozen=True, slots=True)
class ValueAnswers:
    """Predictions of values: [rows] what is true and what was predicted."""

    truths: Array
    values: Array


Answers = ClassAnswers | ValueAnswers


def ask(pipeline: Any, rows: Rows, target: Array, classes: Array | None) -> Answers:
    """Have a fitted pipeline predict rows.

    Args:
        pipeline: Fitted.
        rows: The features.
        target: [rows] What is true.
        classes: All classes, sorted, which may be more than the pipeline knows; None for
            values.
    """
    frame = to_frame(rows)
    if classes is None:
        return ValueAnswers(target, np.asarray(pipeline.predict(frame), np.float64).reshape(-1))
    probabilities = np.zeros((len(target), len(classes)))
    probabilities[:, np.searchsorted(classes, pipeline.classes_)] = pipeline.predict_proba(frame)
    labels = np.searchsorted(classes, pipeline.predict(frame))
    return ClassAnswers(classes, find_places(classes, target), labels, probabilities)


def find_places(classes: Array, target: Array) -> Array:
    """Find each row's class among the sorted ones; one that is not there is after the last."""
    places = np.searchsorted(classes, target)
    known = classes[np.minimum(places, len(classes) - 1)] == target
    return np.where(known, places, len(classes))
