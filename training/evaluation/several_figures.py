"""Figures of merit of several targets: averages over them, and the telling ones of each."""

from collections.abc import Sequence

import numpy as np

from training.evaluation.answers import ClassAnswers, SeveralAnswers, ValueAnswers
from training.evaluation.figures import (
    Figures,
    average_known,
    measure_labels,
    measure_ranking,
    measure_values,
)
from training.features import Array

_OF_EACH_VALUE = ("rmse", "mae", "r2")
_OF_ALL_VALUES = (*_OF_EACH_VALUE, "median_absolute_error")


def measure_several(answers: SeveralAnswers, weights: Array) -> Figures:
    """Measure predictions of several targets.

    Args:
        answers: The predictions.
        weights: FP64 [weightings, rows].

    Returns:
        Averages over the targets under the figure's own name, and figures of each target
        under the figure's name and the target's.
    """
    values = [part for part in answers.parts if isinstance(part, ValueAnswers)]
    if values:
        return _measure_values(answers.names, values, weights)
    labels = [part for part in answers.parts if isinstance(part, ClassAnswers)]
    return _measure_labels(answers.names, labels, weights)


def _measure_values(names: Sequence[str], parts: Sequence[ValueAnswers], weights: Array) -> Figures:
    found = [measure_values(part, weights) for part in parts]
    figures: Figures = {}
    for name in _OF_ALL_VALUES:
        figures[name, ""] = _average([of_one[name, ""] for of_one in found])
    for target, of_one in zip(names, found, strict=True):
        figures |= {(name, target): of_one[name, ""] for name in _OF_EACH_VALUE}
    return figures


def _measure_labels(names: Sequence[str], parts: Sequence[ClassAnswers], weights: Array) -> Figures:
    held = np.stack([_count_held(part, weights) for part in parts])
    right = np.stack([part.truths == part.labels for part in parts]).astype(float)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = 2 * held[:, 0] / (held[:, 1] + held[:, 2])
        together = held.sum(axis=0)
        f1_micro = 2 * together[0] / (together[1] + together[2])
    found = [measure_labels(it, weights) | measure_ranking(it, weights) for it in parts]
    figures: Figures = {
        ("f1_macro", ""): _average(list(f1)),
        ("f1_micro", ""): f1_micro,
        ("exact_match", ""): weights @ right.all(axis=0) / total,
        ("hamming_loss", ""): weights @ (1 - right).mean(axis=0) / total,
    }
    for name in ("log_loss", "brier_score", "roc_auc", "average_precision"):
        figures[name, ""] = _average([of_one[name, ""] for of_one in found])
    return figures | {("f1", name): of_one for name, of_one in zip(names, f1, strict=True)}


def _count_held(part: ClassAnswers, weights: Array) -> Array:
    """Count the rows where a label held and was said to, held, was said to: [3, weightings]."""
    true, said = part.truths == 1, part.labels == 1
    return np.stack([weights @ rows.astype(float) for rows in (true & said, true, said)])


def _average(of_each: Sequence[Array]) -> Array:
    """Average over the targets that have a figure."""
    return average_known(np.stack(of_each, axis=1))
