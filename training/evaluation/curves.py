"""What plots show, as numbers: confusion, curves of classes, calibration, residuals."""

import numpy as np

from training.evaluation.answers import ClassAnswers, ValueAnswers
from training.evaluation.figures import ranked_places
from training.evaluation.report import (
    Calibration,
    CalibrationBin,
    ClassCurves,
    Confusion,
    Point,
    Residuals,
)
from training.features import Array

MOST_CONFUSED = 20
MOST_CURVES = 8
OTHERS = "(others)"
UNKNOWN = "(not learned)"

_MOST_POINTS = 200
_MOST_DOTS = 500
_BINS = 10
_RESIDUAL_BINS = 30


def count_confusion(answers: ClassAnswers) -> Confusion:
    """Count what was answered for what; rare classes are counted together."""
    count = len(answers.classes)
    shown = _frequent(answers.truths, count, MOST_CONFUSED)
    names = [str(answers.classes[place]) for place in shown]
    # Where a place of a class is in the table: the rare ones last, then those not learned.
    places = np.full(count + 1, len(shown))
    places[shown] = np.arange(len(shown))
    places[count] = len(shown) + 1
    counts = np.zeros((len(shown) + 2, len(shown) + 2), np.int64)
    np.add.at(counts, (places[answers.truths], places[answers.labels]), 1)
    rows = [place for place in range(len(shown) + 2) if place < len(shown) or counts[place].any()]
    columns = len(shown) + (count > len(shown))
    true_names = [*names, OTHERS, UNKNOWN]
    return Confusion(
        true_names=tuple(true_names[place] for place in rows),
        predicted_names=tuple(true_names[:columns]),
        counts=tuple(tuple(counts[place, :columns].tolist()) for place in rows),
    )


def draw_curves(answers: ClassAnswers) -> tuple[ClassCurves, ...]:
    """Draw the curves of the most frequent classes that have rows, and rows beside them."""
    frequent = _frequent(answers.truths, len(answers.classes), len(answers.classes))
    ranked = [place for place in frequent if place in ranked_places(answers)]
    curves = (_draw_class(answers, place) for place in ranked)
    return tuple(curve for curve in curves if curve)[:MOST_CURVES]


def calibrate(answers: ClassAnswers) -> Calibration:
    """Compare probabilities with what came true, in ten bins of equal width."""
    ranked = ranked_places(answers)
    if len(ranked) == 1:
        of, scores = str(answers.classes[ranked[0]]), answers.probabilities[:, ranked[0]]
        true = answers.truths == ranked[0]
    else:
        of, true = "the predicted class", answers.truths == answers.labels
        scores = answers.probabilities[np.arange(len(answers.labels)), answers.labels]
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    chosen = (bins == number for number in range(_BINS))
    return Calibration(
        of,
        tuple(
            CalibrationBin(int(rows.sum()), _short(scores[rows].mean()), _short(true[rows].mean()))
            for rows in chosen
            if rows.any()
        ),
    )


def measure_residuals(answers: ValueAnswers) -> Residuals:
    """Tell how far values are off, and show some of them."""
    errors = answers.values - answers.truths
    counts, edges = np.histogram(errors, bins=_RESIDUAL_BINS)
    some = _spread(np.argsort(answers.values, kind="stable"), _MOST_DOTS)
    return Residuals(
        points=_points(answers.values[some], answers.truths[some]),
        edges=tuple(_short(edge) for edge in edges),
        counts=tuple(counts.tolist()),
    )


def _frequent(truths: Array, count: int, most: int) -> list[int]:
    """Return the places of the most frequent classes, in the order of the classes."""
    rows = np.bincount(truths, minlength=count)[:count]
    return sorted(np.argsort(-rows, kind="stable")[:most].tolist())


def _draw_class(answers: ClassAnswers, place: int) -> ClassCurves | None:
    positive = answers.truths == place
    if positive.all() or not positive.any():
        return None
    scores = answers.probabilities[:, place]
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(positive[order])[ends]
    misses = np.cumsum(~positive[order])[ends]
    some = _spread(np.arange(len(ends)), _MOST_POINTS)
    recall, precision = hits[some] / hits[-1], hits[some] / (hits[some] + misses[some])
    roc = _points(np.append(0, misses[some] / misses[-1]), np.append(0, recall))
    curve = _points(np.append(0, recall), np.append(precision[0], precision))
    return ClassCurves(str(answers.classes[place]), int(hits[-1]), roc, curve)


def _spread(values: Array, most: int) -> Array:
    return values[np.linspace(0, len(values) - 1, min(len(values), most), dtype=int)]


def _points(x: Array, y: Array) -> tuple[Point, ...]:
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    return tuple((_short(left), _short(right)) for left, right in pairs)


def _short(value: float) -> float:
    """Round to six digits: more of them say nothing, and fill the file."""
    return float(f"{float(value):.6g}")
