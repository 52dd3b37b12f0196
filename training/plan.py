"""What a fit will do, and the examples that it learns from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from registry.signature import Task, TensorSpec
from training.catalog import Settings, TrainerSpec, check_settings, choose_trainer
from training.columns import Table
from training.evaluation.scheme import DEFAULT, Scheme, check_scheme
from training.evaluation.splits import Division, Split, make_division, split_rows
from training.features import Array, Rows, describe_inputs, select_rows, take_rows
from training.fitting import FitProgress, FitRequest
from training.refusal import FitRefused
from training.roles import choose_features
from training.target import check_target, describe_rounding, find_target, infer_task, take_target

Report = Callable[[FitProgress], None]
"""Takes the progress of a fit."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        task: For classes or for values.
        trainer: What does it.
        settings: Its settings, checked, defaults included.
        seed: Seeds everything random; legal for scikit-learn.
        scheme: How it is evaluated.
    """

    task: Task
    trainer: TrainerSpec
    settings: Settings
    seed: int
    scheme: Scheme = DEFAULT


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learned from.

    Attributes:
        inputs: The inputs, described by the training rows.
        rows: The feature columns, one row per known target.
        target: [rows] The target.
        split: Which of the rows are for what.
        division: What divides them.
        segments: [rows] The values by which figures are told apart, as text, if a column was
            named for it.
    """

    inputs: tuple[TensorSpec, ...]
    rows: Rows
    target: Array
    split: Split
    division: Division
    segments: Array | None = None

    def select(self, indices: Array) -> tuple[Rows, Array]:
        """Take the features and targets of some rows."""
        return select_rows(self.rows, indices), self.target[indices]


def make_plan(request: FitRequest, table: Table) -> Plan:
    """Decide what will be done.

    Raises:
        FitRefused: The target or the holdout fraction won't do.
        FieldInvalid: The trainer, one of its settings or the evaluation won't do.
    """
    if not 0 < request.holdout_fraction < 1:
        raise FitRefused(
            "HOLDOUT_INVALID",
            f"the holdout fraction is {request.holdout_fraction}; it must be over 0 and under 1",
        )
    target = find_target(table, request.target)
    task = request.task or infer_task(target, table.row_count)
    trainer = choose_trainer(request.trainer, task)
    settings = check_settings(trainer.id, request.settings)
    columns = {column.name: column for column in table.columns}
    check_scheme(request.evaluation, columns, request.target, task)
    return Plan(task, trainer, settings, request.seed % 2**32, request.evaluation)


def take_examples(
    request: FitRequest, plan: Plan, frame: pl.DataFrame, table: Table, report: Report
) -> Examples:
    """Take the features and the target of a table's rows, and split them.

    Args:
        request: What is asked for.
        plan: What was made of it.
        frame: The table.
        table: Its profile.
        report: Is told what is left out.

    Raises:
        FitRefused: The target or the features won't do, or the rows can't be divided.
    """
    target = take_target(frame, find_target(table, request.target), plan.task)
    report(FitProgress("split", 10, f"{plan.task} of {request.target!r} by {plan.trainer.id}"))
    if unknown := target.null_count():
        report(FitProgress("split", 10, f"{unknown} rows without a target are left out"))
    check_target(target.drop_nulls(), plan.task)
    if plan.task is Task.REGRESSION and (rounding := describe_rounding(target.drop_nulls())):
        report(FitProgress("split", 10, rounding))
    if not request.features:
        table = _leave_out(table, plan.scheme.column)
    features = choose_features(table, request.target, request.features, plan.task)
    for sentence in features.left_out:
        report(FitProgress("split", 10, sentence))
    known = np.flatnonzero(target.is_not_null().to_numpy())
    rows = select_rows(take_rows(frame, features.inputs), known)
    values = _to_array(target.drop_nulls())
    frame = frame[known]
    division = make_division(plan.scheme, plan.task, frame, values, plan.seed)
    split = split_rows(division, request.holdout_fraction)
    inputs = describe_inputs(features.inputs, select_rows(rows, split.training))
    counts = f"{len(split.training)} rows to learn from, {len(split.holdout)} to evaluate on"
    report(FitProgress("split", 15, f"{len(inputs)} features; {counts}"))
    return Examples(inputs, rows, values, split, division, _take_segments(plan, frame))


def _take_segments(plan: Plan, frame: pl.DataFrame) -> Array | None:
    if not plan.scheme.segment:
        return None
    return frame[plan.scheme.segment].cast(pl.String).fill_null("").to_numpy()


def _leave_out(table: Table, name: str) -> Table:
    """Leave out the column that divides the rows: it is no feature unless named as one."""
    columns = tuple(column for column in table.columns if column.name != name)
    return replace(table, columns=columns)


def _to_array(target: pl.Series) -> Array:
    values = target.to_numpy()
    return values.astype(object) if target.dtype == pl.String else values
