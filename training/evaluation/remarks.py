"""What a reader of figures should know: where they are weak, or too good to be true."""

import numpy as np

from registry.reports import Metric
from registry.signature import Task
from training.evaluation.report import HOLDOUT, Importances
from training.features import Array

_FEW_HOLDOUT_ROWS = 100
_FEW_TRAINING_ROWS = 200
_RARE_SHARE = 0.05
_SUSPICIOUS = {"accuracy": 0.995, "r2": 0.999}
_SUSPICIOUS_SHARE = 0.9


def remark_on_rows(task: Task, training: Array, holdout: Array) -> list[str]:
    """Tell of few rows and uneven classes.

    Args:
        task: For classes or for values.
        training: [rows] The targets that were learned from.
        holdout: [rows] The targets that were evaluated on.
    """
    remarks = []
    if len(holdout) < _FEW_HOLDOUT_ROWS:
        remarks.append(
            f"The figures come from {len(holdout)} rows only, so look at their intervals; folds"
            " use more of the table."
        )
    if len(training) < _FEW_TRAINING_ROWS:
        remarks.append(f"The version learned from {len(training)} rows only.")
    if task is Task.CLASSIFICATION:
        remarks += _remark_on_classes(training, holdout)
    return remarks


def _remark_on_classes(training: Array, holdout: Array) -> list[str]:
    remarks = []
    classes, counts = np.unique(training, return_counts=True)
    rarest = int(np.argmin(counts))
    share = counts[rarest] / len(training)
    if share < min(_RARE_SHARE, 0.5 / len(classes)):
        name = str(classes[rarest])[:100]
        remarks.append(
            f"The classes are uneven: {name!r} is {share:.2%} of the rows. Accuracy says little"
            " then; look at balanced accuracy, and at recall class by class."
        )
    if unseen := int((~np.isin(classes, holdout)).sum()):
        remarks.append(
            f"{unseen} of {len(classes)} classes have no row to evaluate on; the figures say"
            " nothing of them."
        )
    if unknown := int((~np.isin(holdout, classes)).sum()):
        remarks.append(
            f"{unknown} of the evaluated rows are of classes that no row learned from has; they"
            " count as wrong."
        )
    return remarks


def remark_on_figures(
    metrics: tuple[Metric, ...], importances: Importances, rows: int
) -> list[str]:
    """Tell of figures that are too good: by luck, or by one column that gives the target away.

    Args:
        metrics: The figures.
        importances: Of the columns.
        rows: On how many rows the figures of the holdout were measured.
    """
    figures = {
        metric.name: metric.value
        for metric in metrics
        if metric.split == HOLDOUT and not metric.class_name
    }
    remarks = []
    if figures.get("accuracy") == 1:
        # Three in n: the rule for the 95 % bound of what was never seen.
        remarks.append(
            f"No mistake was made in {rows} rows, so the interval of accuracy has no width; up to"
            f" {min(1.0, 3 / rows):.1%} of mistakes would still be no surprise."
        )
    perfect = [name for name, least in _SUSPICIOUS.items() if figures.get(name, 0) >= least]
    if perfect and (column := _find_giveaway(importances)):
        remarks.append(
            f"{perfect[0]} is nearly perfect, and nearly all of it hangs on the column"
            f" {column[:100]!r}: make sure that it is known before the target is."
        )
    return remarks


def _find_giveaway(importances: Importances) -> str:
    """Find the column that has nearly all importance, if there are others."""
    weights = [max(0.0, importance.mean) for importance in importances.columns]
    if len(weights) > 1 and weights[0] > _SUSPICIOUS_SHARE * sum(weights):
        return importances.columns[0].column
    return ""
