"""What a pipeline says of rows whose target is known, in the form that figures are made from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from registry.signature import Task
from training.features import Array, Rows, count_rows, select_rows, to_frame
from training.trainers.several import ask_labels


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What is predicted.

    Attributes:
        task: What is done.
        classes: All classes of one target, sorted; None for values and for several targets.
        targets: The names of several targets; empty for one.
    """

    task: Task
    classes: Array | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows whose target is known.

    Attributes:
        rows: The features.
        target: [rows] or [rows, targets] What is true.
        weights: [rows] How much each row counts; None counts them alike.
    """

    rows: Rows
    target: Array
    weights: Array | None = None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return count_rows(self.rows)

    def select(self, indices: Array) -> Self:
        """Take some rows, in the order of the indices, with repeats."""
        weights = None if self.weights is None else self.weights[indices]
        return replace(
            self,
            rows=select_rows(self.rows, indices),
            target=self.target[indices],
            weights=weights,
        )


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """Predictions of classes.

    Attributes:
        classes: [classes] What the version can answer, sorted.
        truths: [rows] The place of each row's class; `len(classes)` for one that was not
            among the rows learned from.
        labels: [rows] The place of the class that was predicted.
        probabilities: [rows, classes] What was thought of each.
        weights: [rows] How much each row counts.
    """

    classes: Array
    truths: Array
    labels: Array
    probabilities: Array
    weights: Array

    def select(self, rows: Array) -> Self:
        """Take some rows."""
        return replace(
            self,
            truths=self.truths[rows],
            labels=self.labels[rows],
            probabilities=self.probabilities[rows],
            weights=self.weights[rows],
        )


@dataclass(frozen=True, slots=True)
class ValueAnswers:
    """Predictions of values: [rows] what is true and predicted, and how much each row counts."""

    truths: Array
    values: Array
    weights: Array

    def select(self, rows: Array) -> Self:
        """Take some rows."""
        return replace(
            self, truths=self.truths[rows], values=self.values[rows], weights=self.weights[rows]
        )


@dataclass(frozen=True, slots=True)
class SeveralAnswers:
    """Predictions of several targets; of labels the second class is that the label holds.

    Attributes:
        names: The targets.
        parts: The answers of each, on the same rows.
    """

    names: tuple[str, ...]
    parts: tuple[ClassAnswers | ValueAnswers, ...]

    @property
    def weights(self) -> Array:
        """[rows] How much each row counts."""
        return self.parts[0].weights

    def select(self, rows: Array) -> Self:
        """Take some rows."""
        return replace(self, parts=tuple(part.select(rows) for part in self.parts))


Answers = ClassAnswers | ValueAnswers | SeveralAnswers

_HOLDS = np.array([0, 1])


def ask(pipeline: Any, sample: Sample, outcomes: Outcomes) -> Answers:
    """Have a fitted pipeline predict rows.

    Args:
        pipeline: Fitted.
        sample: The rows.
        outcomes: What is predicted; its classes may be more than the pipeline knows.
    """
    frame, target = to_frame(sample.rows), sample.target
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights
    if outcomes.task is Task.MULTILABEL_CLASSIFICATION:
        return _pair(outcomes.targets, target, *ask_labels(pipeline, frame), weights)
    if outcomes.classes is None:
        values = np.asarray(pipeline.predict(frame), np.float64).reshape(target.shape)
        if not outcomes.targets:
            return ValueAnswers(target, values, weights)
        pairs = zip(target.T, values.T, strict=True)
        return SeveralAnswers(outcomes.targets, tuple(ValueAnswers(*it, weights) for it in pairs))
    classes = outcomes.classes
    probabilities = np.zeros((len(target), len(classes)))
    probabilities[:, np.searchsorted(classes, pipeline.classes_)] = pipeline.predict_proba(frame)
    labels = np.searchsorted(classes, pipeline.predict(frame))
    return ClassAnswers(classes, find_places(classes, target), labels, probabilities, weights)


def _pair(
    names: Sequence[str], target: Array, labels: Array, probabilities: Array, weights: Array
) -> SeveralAnswers:
    """Put each label's answers, [rows, labels], beside what is true of it."""
    columns = zip(target.astype(int).T, labels.astype(int).T, probabilities.T, strict=True)
    parts = (
        ClassAnswers(_HOLDS, truths, predicted, np.column_stack([1 - share, share]), weights)
        for truths, predicted, share in columns
    )
    return SeveralAnswers(tuple(names), tuple(parts))


def find_places(classes: Array, target: Array) -> Array:
    """Find each row's class among the sorted ones; one that is not there is after the last."""
    places = np.searchsorted(classes, target)
    known = classes[np.minimum(places, len(classes) - 1)] == target
    return np.where(known, places, len(classes))
