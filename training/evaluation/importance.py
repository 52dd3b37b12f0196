"""Permutation importance: how much worse a pipeline gets when one raw column says nothing.

Each input's values are shuffled among rows that were held out, so the importance is of the
column, whatever features were made of it. Two columns that say the same share theirs.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from training.evaluation.answers import Answers, ClassAnswers, ask
from training.evaluation.figures import log_losses
from training.evaluation.report import Importance, Importances
from training.features import Array, Rows, count_rows, select_rows

_MOST_ROWS, _FEWEST_ROWS = 1000, 30
_MOST_REPEATS = 5
_MOST_PREDICTIONS = 100_000
_MOST_CELLS = 20_000_000
_CHUNK_CELLS = 1_000_000


def measure_importances(
    pipeline: Any, rows: Rows, target: Array, classes: Array | None, seed: int
) -> Importances:
    """Shuffle each column a few times, on a bounded number of rows.

    Args:
        pipeline: Fitted.
        rows: The features of rows that were held out.
        target: [rows] What is true of them.
        classes: All classes, sorted; None for values.
        seed: Seeds the choice of rows and the shuffles.
    """
    figure = "rmse" if classes is None else "log_loss"
    random = np.random.default_rng(seed)
    count, repeats = _bound_work(count_rows(rows), len(rows))
    if not count:
        return Importances(figure, 0, 0, ())
    chosen = np.sort(random.permutation(len(target))[:count])
    rows, target = select_rows(rows, chosen), target[chosen]
    before = _score(ask(pipeline, rows, target, classes), 1)[0]
    orders = np.concatenate([random.permutation(count) for _ in range(repeats)])
    found = []
    # Several columns are asked about at once, as a call costs much more than a row.
    size = max(1, _CHUNK_CELLS // (len(orders) * len(rows)))
    for names in _batched(rows, size):
        answers = _ask_shuffled(pipeline, rows, target, classes, names, orders)
        losses = _score(answers, repeats * len(names)).reshape(len(names), repeats) - before
        found += [
            Importance(name, float(loss.mean()), float(loss.std()))
            for name, loss in zip(names, losses, strict=True)
        ]
    found.sort(key=lambda importance: -importance.mean)
    return Importances(figure, count, repeats, tuple(found))


def _batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(islice(rest, size)):
        yield batch


def _ask_shuffled(
    pipeline: Any,
    rows: Rows,
    target: Array,
    classes: Array | None,
    names: list[str],
    orders: Array,
) -> Answers:
    """Ask about every row in all orders, once for each of the columns that are shuffled."""
    count = len(orders)
    whole = np.tile(np.arange(len(target)), count // len(target) * len(names))
    shuffled = select_rows(rows, whole)
    for place, name in enumerate(names):
        shuffled[name][place * count : (place + 1) * count] = rows[name][orders]
    return ask(pipeline, shuffled, target[whole], classes)


def _bound_work(rows: int, columns: int) -> tuple[int, int]:
    """Choose how many rows and repeats to take; no rows where it would cost too much."""
    most = min(_MOST_PREDICTIONS // columns, _MOST_CELLS // columns**2)
    count = min(rows, _MOST_ROWS, max(most // _MOST_REPEATS, _FEWEST_ROWS))
    repeats = min(_MOST_REPEATS, most // count)
    return (count, repeats) if repeats else (0, 0)


def _score(answers: Answers, repeats: int) -> Array:
    """Measure each repeat's figure, [repeats]."""
    if isinstance(answers, ClassAnswers):
        losses: Array = log_losses(answers).reshape(repeats, -1).mean(axis=1)
        return losses
    squares = ((answers.values - answers.truths) ** 2).reshape(repeats, -1).mean(axis=1)
    roots: Array = np.sqrt(squares)
    return roots
