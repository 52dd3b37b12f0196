"""Permutation importance: how much worse a pipeline gets when one raw column says nothing.

Each input's values are shuffled among rows that were held out, so the importance is of the
column, whatever features were made of it. Two columns that say the same share theirs.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from registry.signature import Task
from training.evaluation.answers import (
    Answers,
    ClassAnswers,
    Outcomes,
    Sample,
    SeveralAnswers,
    ask,
)
from training.evaluation.figures import log_losses
from training.evaluation.report import Importance, Importances
from training.features import Array

_MOST_ROWS, _FEWEST_ROWS = 1000, 30
_MOST_REPEATS = 5
_MOST_PREDICTIONS = 100_000
_MOST_CELLS = 20_000_000
_CHUNK_CELLS = 1_000_000


def measure_importances(
    pipeline: Any, sample: Sample, outcomes: Outcomes, seed: int
) -> Importances:
    """Shuffle each column a few times, on a bounded number of rows.

    Args:
        pipeline: Fitted.
        sample: Rows that were held out.
        outcomes: What is predicted.
        seed: Seeds the choice of rows and the shuffles.
    """
    figure = "rmse" if outcomes.task is Task.REGRESSION else "log_loss"
    random = np.random.default_rng(seed)
    names = list(sample.rows)
    count, repeats = _bound_work(len(sample), len(names))
    if not count:
        return Importances(figure, 0, 0, ())
    sample = sample.select(np.sort(random.permutation(len(sample))[:count]))
    before = _score(ask(pipeline, sample, outcomes), 1)[0]
    orders = np.concatenate([random.permutation(count) for _ in range(repeats)])
    found = []
    # Several columns are asked about at once, as a call costs much more than a row.
    size = max(1, _CHUNK_CELLS // (len(orders) * len(names)))
    for batch in _batched(names, size):
        answers = ask(pipeline, _shuffle(sample, batch, orders), outcomes)
        losses = _score(answers, repeats * len(batch)).reshape(len(batch), repeats) - before
        found += [
            Importance(name, float(loss.mean()), float(loss.std()))
            for name, loss in zip(batch, losses, strict=True)
        ]
    found.sort(key=lambda importance: -importance.mean)
    return Importances(figure, count, repeats, tuple(found))


def _batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(islice(rest, size)):
        yield batch


def _shuffle(sample: Sample, names: list[str], orders: Array) -> Sample:
    """Repeat every row in all orders for each of the columns, which is shuffled there."""
    count = len(orders)
    whole = np.tile(np.arange(len(sample)), count // len(sample) * len(names))
    shuffled = sample.select(whole)
    for place, name in enumerate(names):
        shuffled.rows[name][place * count : (place + 1) * count] = sample.rows[name][orders]
    return shuffled


def _bound_work(rows: int, columns: int) -> tuple[int, int]:
    """Choose how many rows and repeats to take; no rows where it would cost too much."""
    most = min(_MOST_PREDICTIONS // columns, _MOST_CELLS // columns**2)
    count = min(rows, _MOST_ROWS, max(most // _MOST_REPEATS, _FEWEST_ROWS))
    repeats = min(_MOST_REPEATS, most // count)
    return (count, repeats) if repeats else (0, 0)


def _score(answers: Answers, repeats: int) -> Array:
    """Measure each repeat's figure, [repeats]; of several targets their average."""
    if isinstance(answers, SeveralAnswers):
        averages: Array = np.mean([_score(part, repeats) for part in answers.parts], axis=0)
        return averages
    weights = answers.weights.reshape(repeats, -1)
    if isinstance(answers, ClassAnswers):
        losses = log_losses(answers).reshape(repeats, -1)
        return np.average(losses, axis=1, weights=weights)
    squares = ((answers.values - answers.truths) ** 2).reshape(repeats, -1)
    roots: Array = np.sqrt(np.average(squares, axis=1, weights=weights))
    return roots
