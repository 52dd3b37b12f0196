"""What is kept aside, and the figures that it gives, where there are several targets."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from registry.reports import Metric
from registry.signature import Task
from training.evaluation import Split
from training.features import Array, Rows, to_frame
from training.refusal import FitRefused
from training.trainers.several import ask_labels


def keep_every_label(split: Split, target: Array) -> Split:
    """Move rows to training so that every label both holds and doesn't hold there.

    Args:
        split: A split that knows nothing of labels.
        target: [rows, labels] Whether each holds.

    Raises:
        FitRefused: Nothing would be left to evaluate on.
    """
    training, holdout = list(split.training), list(split.holdout)
    for label in target.T:
        for value in np.unique(label):
            if not (label[training] == value).any():
                moved = next(row for row in holdout if label[row] == value)
                holdout.remove(moved)
                training.append(moved)
    if not holdout:
        raise FitRefused(
            "TOO_FEW_ROWS",
            "every row is needed to learn from, as each label must hold in one and not in another;"
            " add rows, or take targets away that are rarely true or false",
        )
    return Split(np.sort(training), np.array(holdout))


def measure_targets(
    pipeline: Any,
    rows: Rows,
    target: Array,
    task: Task,
    names: Sequence[str],
    weights: Array | None = None,
) -> tuple[Metric, ...]:
    """Measure a fitted pipeline on holdout rows: over all targets, and each alone.

    Args:
        pipeline: It.
        rows: The holdout rows.
        target: [rows, targets] What should be predicted for them.
        task: Of the targets.
        names: Of the targets.
        weights: [rows] How much each row counts; None counts them alike.

    Returns:
        Averages over the targets under the metric's own name, and `metric[target]`. Figures
        that the rows can't give are left out.
    """
    frame = to_frame(rows)
    if task is Task.REGRESSION:
        figures = _measure_values(target, pipeline.predict(frame), names, weights)
    else:
        figures = _measure_labels(target, *ask_labels(pipeline, frame), names, weights)
    return tuple(Metric(name, value) for name, value in figures.items() if math.isfinite(value))


def _measure_values(
    target: Array, values: Array, names: Sequence[str], weights: Array | None
) -> dict[str, float]:
    def measure(metric: Callable[..., float]) -> list[float]:
        pairs = zip(target.T, values.T, strict=True)
        return [float(metric(*pair, sample_weight=weights)) for pair in pairs]

    of_each = {
        "rmse": measure(metrics.root_mean_squared_error),
        "mae": measure(metrics.mean_absolute_error),
    }
    # Without two different values there is no variance to explain.
    if np.ptp(target, axis=0).all():
        of_each["r2"] = measure(metrics.r2_score)
    averages = {metric: float(np.mean(figures)) for metric, figures in of_each.items()}
    return averages | _name_each(of_each, names)


def _measure_labels(
    target: Array, labels: Array, probabilities: Array, names: Sequence[str], weights: Array | None
) -> dict[str, float]:
    def f1(average: str | None) -> Any:
        options = {"average": average, "zero_division": 0, "sample_weight": weights}
        return metrics.f1_score(target, labels, **options)

    pairs = list(zip(target.T, probabilities.T, strict=True))
    losses = [metrics.log_loss(*it, labels=[0, 1], sample_weight=weights) for it in pairs]
    # Where a label holds in all rows or in none there is nothing to rank.
    ranked = [it for it in pairs if np.ptp(it[0].astype(int))]
    areas = [metrics.roc_auc_score(*it, sample_weight=weights) for it in ranked]
    figures = {
        "f1_macro": float(f1("macro")),
        "f1_micro": float(f1("micro")),
        "exact_match": float(metrics.accuracy_score(target, labels, sample_weight=weights)),
        "hamming_loss": float(metrics.hamming_loss(target, labels, sample_weight=weights)),
        "log_loss": float(np.mean(losses)),
    }
    if areas:
        figures["roc_auc"] = float(np.mean(areas))
    return figures | _name_each({"f1": f1(None).tolist()}, names)


def _name_each(of_each: dict[str, list[float]], names: Sequence[str]) -> dict[str, float]:
    return {
        f"{metric}[{name}]": value
        for metric, values in of_each.items()
        for name, value in zip(names, values, strict=True)
    }
