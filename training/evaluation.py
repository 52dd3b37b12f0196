"""What is kept aside for evaluation, and the figures that it gives."""

import math
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.pipeline import Pipeline

from registry.reports import Metric
from registry.signature import Task
from training.features import Array, Rows, to_frame


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows are for what, as sorted indices."""

    training: Array
    holdout: Array


def split_rows(target: Array, task: Task, fraction: float, seed: int) -> Split:
    """Choose the holdout rows by chance.

    For classification every class gives its share, and keeps at least one row for training:
    a class of one row is learned from and not evaluated.

    Args:
        target: [rows] What is to be predicted; at least two rows.
        task: Whether these are classes.
        fraction: The part to hold out, in (0, 1).
        seed: Seeds the choice.

    Returns:
        At least one row each.
    """
    random = np.random.default_rng(seed)
    codes = np.unique(target, return_inverse=True)[1] if task is Task.CLASSIFICATION else None
    groups = [np.arange(len(target))]
    if codes is not None:
        groups = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    shuffled = [random.permutation(group) for group in groups]
    # Rounded up or down by chance, so that many small classes give their share together.
    counts = [_bound(math.floor(len(g) * fraction + random.random()), len(g)) for g in shuffled]
    if not any(counts):
        counts[int(np.argmax([len(group) for group in shuffled]))] = 1
    holdout = np.concatenate([g[:count] for g, count in zip(shuffled, counts, strict=True)])
    return Split(np.setdiff1d(np.arange(len(target)), holdout), np.sort(holdout))


def _bound(count: int, rows: int) -> int:
    return min(count, rows - 1)


def measure(
    pipeline: Pipeline, rows: Rows, target: Array, task: Task, weights: Array | None = None
) -> tuple[Metric, ...]:
    """Measure a fitted pipeline on holdout rows; figures that the rows can't give are left out.

    Weights, [rows], say how much each row counts; without them all count alike.
    """
    frame = to_frame(rows)
    if task is Task.REGRESSION:
        figures = _measure_values(target, pipeline.predict(frame), weights)
    else:
        labels, probabilities = pipeline.predict(frame), pipeline.predict_proba(frame)
        figures = _measure_classes(target, labels, probabilities, pipeline.classes_, weights)
    return tuple(Metric(name, value) for name, value in figures.items() if math.isfinite(value))


def _measure_values(target: Array, values: Array, weights: Array | None) -> dict[str, float]:
    weighted = {"sample_weight": weights}
    figures = {
        "rmse": float(metrics.root_mean_squared_error(target, values, **weighted)),
        "mae": float(metrics.mean_absolute_error(target, values, **weighted)),
    }
    # Without two different values there is no variance to explain.
    if np.ptp(target) == 0:
        return figures
    return figures | {"r2": metrics.r2_score(target, values, **weighted)}


def _measure_classes(
    target: Array, labels: Array, probabilities: Array, classes: Array, weights: Array | None
) -> dict[str, float]:
    codes, present = np.searchsorted(classes, target), np.unique(target)
    weighted = {"sample_weight": weights}
    means = {"zero_division": 0, **weighted}
    recalls = metrics.recall_score(target, labels, labels=present, average=None, **means)
    loss = metrics.log_loss(codes, probabilities, labels=range(len(classes)), **weighted)
    figures = {
        "accuracy": float(metrics.accuracy_score(target, labels, **weighted)),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1_macro": float(metrics.f1_score(target, labels, average="macro", **means)),
        "log_loss": float(loss),
    }
    if len(present) < len(classes):
        return figures
    scores = probabilities[:, 1] if len(classes) == 2 else probabilities  # noqa: PLR2004  two classes
    options = {"multi_class": "ovr", "labels": range(len(classes)), **weighted}
    area = metrics.roc_auc_score(codes, scores, **options)
    return figures | {"roc_auc": float(area)}
