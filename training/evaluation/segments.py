"""Figures told apart by the values of a column: a version may be good on average only."""

import numpy as np

from registry.reports import Metric
from registry.signature import Role, TensorSpec
from training.evaluation.answers import Answers
from training.evaluation.intervals import measure
from training.evaluation.report import Importances, Segment, Segments
from training.features import Array

FEWEST_ROWS = 10
MOST_SEGMENTS = 20

_MOST_CHOSEN_VALUES = 10
_SHOWN = {"accuracy", "balanced_accuracy", "exact_match", "log_loss", "rmse", "mae", "r2"}


def choose_segment_column(inputs: tuple[TensorSpec, ...], importances: Importances) -> str:
    """Choose the categorical input of few values that matters most; empty if there is none."""
    few = {
        spec.name
        for spec in inputs
        if spec.role is Role.BOOLEAN
        or (spec.role is Role.CATEGORICAL and 1 < len(spec.categories) <= _MOST_CHOSEN_VALUES)
    }
    ordered = [it.column for it in importances.columns] or [spec.name for spec in inputs]
    return next((name for name in ordered if name in few), "")


def measure_segments(column: str, values: Array, answers: Answers, seed: int) -> Segments:
    """Measure the rows of each value of a column apart, the most frequent values first.

    Args:
        column: Its name.
        values: [rows] Its values as text.
        answers: The answers on the same rows.
        seed: Seeds the intervals.
    """
    names, places = np.unique(values, return_inverse=True)
    counts = np.bincount(places)
    order = np.argsort(-counts, kind="stable")
    kept = [place for place in order.tolist() if counts[place] >= FEWEST_ROWS][:MOST_SEGMENTS]
    segments = tuple(
        Segment(
            str(names[place]), int(counts[place]), _measure(answers.select(places == place), seed)
        )
        for place in kept
    )
    return Segments(column, segments, len(names) - len(kept))


def _measure(answers: Answers, seed: int) -> tuple[Metric, ...]:
    return tuple(
        Metric(figure.name, figure.value, lower=figure.lower, upper=figure.upper)
        for figure in measure([answers], seed)
        if figure.name in _SHOWN and not figure.class_name
    )
