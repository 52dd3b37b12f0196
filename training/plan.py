"""What a fit will do, and the examples that it learns from."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from pydantic import JsonValue

from registry.signature import Task, TensorSpec
from training.catalog import (
    Settings,
    TrainerSpec,
    check_settings,
    choose_trainer,
    describe_excess,
)
from training.columns import Table
from training.evaluation.scheme import DEFAULT, Scheme, check_scheme
from training.evaluation.splits import (
    Division,
    Split,
    keep_every_label,
    make_division,
    split_rows,
)
from training.features import Array, Rows, describe_inputs, select_rows, take_rows
from training.fitting import FitProgress, FitRequest
from training.learning import Learning, check_learning
from training.refusal import FitRefused
from training.roles import choose_features
from training.target import describe_rounding
from training.targets import check_targets, find_targets, take_targets, to_array
from training.tasks import infer_task_of
from training.weights import take_weights, weigh_classes

WEIGHTS = "estimator__sample_weight"
"""The option of a pipeline's fit that takes how much each row counts, [rows]."""

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
        learning: How targets are learned.
        scheme: How it is evaluated.
    """

    task: Task
    trainer: TrainerSpec
    settings: Settings
    seed: int
    learning: Learning
    scheme: Scheme = DEFAULT


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learned from.

    Attributes:
        inputs: The inputs, described by the training rows.
        rows: The feature columns, one row per known target.
        target: [rows] The target, or [rows, targets] several.
        split: Which of the rows are for what.
        weights: [rows] How much each row counts; None counts them alike.
        fit_weights: [rows] The same in training, where classes may have weights too.
        division: What divides them.
        segments: [rows] The values by which figures are told apart, as text, if a column was
            named for it.
    """

    inputs: tuple[TensorSpec, ...]
    rows: Rows
    target: Array
    split: Split
    division: Division
    weights: Array | None = None
    fit_weights: Array | None = None
    segments: Array | None = None

    def fit_options(self, indices: Array) -> dict[str, Array]:
        """Return what a pipeline's fit takes beside the features and targets of some rows."""
        return {} if self.fit_weights is None else {WEIGHTS: self.fit_weights[indices]}

    def select(self, indices: Array) -> tuple[Rows, Array]:
        """Take the features and targets of some rows."""
        return select_rows(self.rows, indices), self.target[indices]


def make_plan(request: FitRequest, table: Table) -> Plan:
    """Decide what will be done.

    Raises:
        FitRefused: The target or the holdout fraction won't do.
        FieldInvalid: The trainer, one of its settings, how targets shall be learned or how they
            shall be evaluated won't do.
    """
    if not 0 < request.holdout_fraction < 1:
        raise FitRefused(
            "HOLDOUT_INVALID",
            f"the holdout fraction is {request.holdout_fraction}; it must be over 0 and under 1",
        )
    task = request.task or infer_task_of(find_targets(table, request.targets), table.row_count)
    trainer = choose_trainer(request.trainer, task)
    settings = check_settings(trainer.id, request.settings)
    check_learning(request.learning, task, trainer, settings)
    columns = {column.name: column for column in table.columns}
    check_scheme(request.evaluation, columns, set(request.targets), task)
    seed = request.seed % 2**32
    return Plan(task, trainer, settings, seed, request.learning, request.evaluation)


def take_examples(
    request: FitRequest, plan: Plan, frame: pl.DataFrame, table: Table, report: Report
) -> Examples:
    """Take the features and the targets of a table's rows, and split them.

    Args:
        request: What is asked for.
        plan: What was made of it.
        frame: The table.
        table: Its profile.
        report: Is told what is left out.

    Raises:
        FitRefused: A target, the weights, the features or the number of rows won't do, or the
            rows can't be divided.
    """
    names = " and ".join(repr(name) for name in request.targets)
    report(FitProgress("split", 10, f"{plan.task} of {names} by {plan.trainer.id}"))
    targets = take_targets(frame, find_targets(table, request.targets), plan.task)
    weights = _take_weights(plan.learning, frame, table)
    known = _find_known(targets, weights, report)
    targets = targets[known]
    check_targets(targets, plan.task)
    for values in targets if plan.task is Task.REGRESSION else ():
        if rounding := describe_rounding(values):
            report(FitProgress("split", 10, rounding))
    # What divides the rows is no feature unless it is named as one.
    dividing = "" if request.features else plan.scheme.column
    features = choose_features(
        _leave_out(table, {*request.targets[1:], plan.learning.weight_column, dividing}),
        request.target,
        request.features,
        plan.task,
    )
    for sentence in features.left_out:
        report(FitProgress("split", 10, sentence))
    rows = select_rows(take_rows(frame, features.inputs), known)
    frame = frame[known]
    target = to_array(targets)
    division = make_division(plan.scheme, plan.task, frame, target, plan.seed)
    split = split_rows(division, request.holdout_fraction)
    if plan.task is Task.MULTILABEL_CLASSIFICATION:
        split = keep_every_label(division, split, target)
    if excess := describe_excess(plan.trainer, len(split.training)):
        raise FitRefused("TOO_MANY_ROWS", excess)
    inputs = describe_inputs(features.inputs, select_rows(rows, split.training))
    counts = f"{len(split.training)} rows to learn from, {len(split.holdout)} to evaluate on"
    report(FitProgress("split", 15, f"{len(inputs)} features; {counts}"))
    weights = None if weights is None else weights[known]
    fit_weights = _weigh(plan.learning, target, weights)
    segments = _take_segments(plan, frame)
    return Examples(inputs, rows, target, split, division, weights, fit_weights, segments)


def _take_segments(plan: Plan, frame: pl.DataFrame) -> Array | None:
    if not plan.scheme.segment:
        return None
    return frame[plan.scheme.segment].cast(pl.String).fill_null("").to_numpy()


def _take_weights(learning: Learning, frame: pl.DataFrame, table: Table) -> Array | None:
    return take_weights(frame, table, learning.weight_column) if learning.weight_column else None


def _find_known(targets: pl.DataFrame, weights: Array | None, report: Report) -> Array:
    """Find the rows that count: every target is known, and the weight is not 0."""
    known = ~np.column_stack([values.is_null().to_numpy() for values in targets]).any(axis=1)
    if unknown := int((~known).sum()):
        which = "a target" if targets.width == 1 else "all of their targets"
        report(FitProgress("split", 10, f"{unknown} rows without {which} are left out"))
    if weights is not None:
        if nothing := int((weights == 0).sum()):
            report(FitProgress("split", 10, f"{nothing} rows of weight 0 are left out"))
        known &= weights > 0
    return np.flatnonzero(known)


def _leave_out(table: Table, names: set[str]) -> Table:
    return replace(table, columns=tuple(it for it in table.columns if it.name not in names))


def _weigh(learning: Learning, target: Array, weights: Array | None) -> Array | None:
    if not learning.class_weights:
        return weights
    classes = {to_text(value): value for value in np.unique(target).tolist()}
    by_class = weigh_classes(target, classes, learning.class_weights)
    return by_class if weights is None else by_class * weights


def to_text(value: JsonValue) -> str:
    """Write a class or a setting as text; what is none in JSON: `true`, `7`."""
    return value if isinstance(value, str) else json.dumps(value)
