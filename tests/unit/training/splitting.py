"""The rows that a job without a scheme learns from and evaluates on."""

import polars as pl

from registry.signature import Task
from training.evaluation.scheme import DEFAULT
from training.evaluation.splits import Split, make_division, split_rows
from training.features import Array


def split_as_usual(target: Array, task: Task, seed: int) -> Split:
    """Split as a fit does: a fifth is held out."""
    return split_rows(make_division(DEFAULT, task, pl.DataFrame(), target, seed), 0.2)
