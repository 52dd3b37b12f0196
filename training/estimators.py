"""The estimator of a plan: its trainer's, calibrated, and once for each target, as asked for."""

from typing import Any

import numpy as np

from training.features import Array
from training.plan import Plan
from training.refusal import FitRefused
from training.trainers import FAMILIES
from training.trainers.calibrated import build_calibrated
from training.trainers.several import build_several

_FOLDS = 5
_FEWEST_FOLDS = 2


def build_estimator(plan: Plan, target: Array) -> Any:
    """Build what learns a target, unfitted.

    Args:
        plan: What will be done.
        target: [rows] or [rows, targets] The training rows' target.

    Raises:
        FitRefused: A class has too few rows to calibrate on.
    """
    family = FAMILIES[plan.trainer.id]
    estimator = family.build(plan.settings, plan.task.of_one_target, plan.seed)
    if plan.learning.calibration:
        folds = _count_folds(target)
        estimator = build_calibrated(estimator, family, plan.learning.calibration, folds, plan.seed)
    return build_several(estimator, plan.task) if plan.learning.targets else estimator


def _count_folds(target: Array) -> int:
    """Count folds such that each has a row of every class."""
    columns = target.reshape(len(target), -1).T
    counts = [np.unique(column, return_counts=True) for column in columns]
    fewest = min(int(count.min()) for _, count in counts)
    if fewest < _FEWEST_FOLDS:
        raise FitRefused(
            "CALIBRATION_IMPOSSIBLE",
            "a class has one row to learn from, and calibration needs two of each: one to learn"
            " from and one to compare with; leave calibration out, or add rows of that class",
        )
    return min(_FOLDS, fewest)
