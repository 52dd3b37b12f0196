"""Figures with 95 % intervals, by the bootstrap: rows are drawn again and again, with repeats.

Intervals say how much a figure hangs on which rows were held out. They know nothing of another
fit, nor of rows from elsewhere. Under ten rows there are none. The work is bounded: where 50
resamples would cost too much, which is over 400,000 rows, a figure has no interval, which then
would be narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.answers import Answers, SeveralAnswers, ValueAnswers
from training.evaluation.figures import (
    Figures,
    measure_labels,
    measure_ranking,
    measure_values,
    ranked_places,
)
from training.evaluation.several_figures import measure_several
from training.features import Array

MOST_RESAMPLES, FEWEST_RESAMPLES = 500, 50
FEWEST_ROWS = 10

_MOST_CELLS = 20_000_000
_CHUNK_CELLS = 1_000_000
_ENDS = (2.5, 97.5)

_Measure = Callable[[Array], Figures]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of merit: finite, with the ends of its interval if it has one."""

    name: str
    class_name: str
    value: float
    lower: float | None = None
    upper: float | None = None


def measure(parts: Sequence[Answers], seed: int | None) -> tuple[Figure, ...]:
    """Measure predictions.

    Args:
        parts: The answers on the holdout rows, or those of every fold; of folds each figure
            is the mean, and every resample draws as many rows in each fold as it has.
        seed: Seeds the resamples; None makes none, and so no intervals.

    Returns:
        The figures that the rows can give.
    """
    figures: list[Figure] = []
    for cost, measures in _measures_of(parts):
        values = _join([of(np.ones((1, len(part.weights)))) for of, part in measures])
        resampled = {} if seed is None else _resample(measures, cost, seed)
        figures += [
            _to_figure(name, float(value[0]), resampled.get(name))
            for name, value in values.items()
            if np.isfinite(value[0])
        ]
    # The figures of single classes come last.
    return tuple(sorted(figures, key=lambda figure: bool(figure.class_name)))


def _measures_of(
    parts: Sequence[Answers],
) -> list[tuple[int, list[tuple[_Measure, Answers]]]]:
    """Return what is measured together, with its cost in passes over the rows."""
    first = parts[0]
    if isinstance(first, SeveralAnswers):
        return [(len(first.parts), [(_bind(measure_several, part), part) for part in parts])]
    if isinstance(first, ValueAnswers):
        return [(1, [(_bind(measure_values, part), part) for part in parts])]
    return [
        (1, [(_bind(measure_labels, part), part) for part in parts]),
        (len(ranked_places(first)), [(_bind(measure_ranking, part), part) for part in parts]),
    ]


def _bind(of: Callable[[Any, Array], Figures], answers: Answers) -> _Measure:
    """Let a row that counts more count more in every resample."""
    return lambda weights: of(answers, weights * answers.weights)


def _resample(measures: list[tuple[_Measure, Answers]], cost: int, seed: int) -> Figures:
    """Measure resamples of the rows; nothing where they would be too few."""
    rows = sum(len(part.weights) for _, part in measures)
    resamples = min(MOST_RESAMPLES, _MOST_CELLS // (rows * cost))
    if resamples < FEWEST_RESAMPLES or rows < FEWEST_ROWS:
        return {}
    random = np.random.default_rng(seed)
    size = max(1, _CHUNK_CELLS // rows)
    chunks = [
        _join([of(draw_weights(random, count, len(part.weights))) for of, part in measures])
        for count in (min(size, resamples - start) for start in range(0, resamples, size))
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def draw_weights(random: np.random.Generator, resamples: int, rows: int) -> Array:
    """Draw as many rows as there are, with repeats; count them, FP64 [resamples, rows]."""
    drawn = random.integers(0, rows, (resamples, rows))
    drawn += np.arange(resamples)[:, np.newaxis] * rows
    counts = np.bincount(drawn.reshape(-1), minlength=resamples * rows)
    return counts.reshape(resamples, rows).astype(np.float64)


def _join(parts: list[Figures]) -> Figures:
    """Average the figures over folds, those that can't give one left out."""
    names = dict.fromkeys(name for part in parts for name in part)
    joined: Figures = {}
    for name in names:
        stacked = np.stack([part[name] for part in parts if name in part])
        known = ~np.isnan(stacked)
        with np.errstate(invalid="ignore"):
            joined[name] = np.where(known, stacked, 0).sum(axis=0) / known.sum(axis=0)
    return joined


def _to_figure(name: tuple[str, str], value: float, resampled: Array | None) -> Figure:
    known = resampled[np.isfinite(resampled)] if resampled is not None else np.zeros(0)
    if resampled is None or len(known) < FEWEST_RESAMPLES:
        return Figure(*name, value)
    lower, upper = np.percentile(known, _ENDS)
    # Of few rows a resample seldom repeats the best figure; the interval holds the value.
    return Figure(*name, value, min(float(lower), value), max(float(upper), value))
