"""How good settings are: fits on parts of the training rows, measured on the others."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from pydantic import JsonValue

from registry.reports import Metric
from registry.signature import Task
from training.catalog import check_settings
from training.evaluation.scheme import SplitKind
from training.evaluation.splits import Split, keep_every_label, make_folds, split_rows
from training.features import Array, describe_inputs, select_rows
from training.plan import Examples, Plan
from training.promotion import find_value
from training.refusal import FitRefused
from training.search.proposals import Proposal
from training.search.spec import Method, SearchSpec

Evaluate = Callable[[Plan, Examples], tuple[Metric, ...]]
"""Fits a plan on examples' training rows, and measures it on their holdout rows."""


def apply_settings(plan: Plan, settings: dict[str, JsonValue]) -> Plan:
    """Replace some of a plan's settings.

    Raises:
        FieldInvalid: They are not legal together.
    """
    merged = plan.settings.model_dump() | settings
    return replace(plan, settings=check_settings(plan.trainer.id, merged))


class Validation:
    """Measures proposals, each on the same parts of the training rows.

    Args:
        search: What is asked.
        metric: What is measured.
        plan: What would be done without a search.
        examples: What is learned from; the holdout rows are not touched.
        evaluate: Fits and measures.
    """

    def __init__(
        self, search: SearchSpec, metric: str, plan: Plan, examples: Examples, evaluate: Evaluate
    ) -> None:
        self._search = search
        self._metric = metric
        self._plan = plan
        self._examples = examples
        self._evaluate = evaluate
        self._splits = cut_folds(examples, plan.task, search)

    def measure(self, proposal: Proposal) -> float:
        """Return the metric's value, on average over the folds.

        Raises:
            FitRefused: The validation rows do not give the metric.
            FieldInvalid: The settings are not legal together.
        """
        plan, rows_fraction = self._share_out(proposal)
        values = [
            self._measure_once(plan, self._take(split, rows_fraction)) for split in self._splits
        ]
        return float(np.mean(values))

    def _share_out(self, proposal: Proposal) -> tuple[Plan, float]:
        """Apply the settings, and say what part of the rows is learned from."""
        plan = apply_settings(self._plan, proposal.settings)
        resource = self._search.resource
        if self._search.method is not Method.HALVING or not resource:
            return plan, proposal.fraction
        full = int(getattr(plan.settings, resource))
        return apply_settings(plan, {resource: max(1, round(full * proposal.fraction))}), 1.0

    def _take(self, split: Split, fraction: float) -> Examples:
        examples, training = self._examples, split.training
        if fraction < 1:
            training = _take_part(examples, self._plan.task, training, fraction)
        inputs = describe_inputs(examples.inputs, select_rows(examples.rows, training))
        return replace(examples, inputs=inputs, split=Split(training, split.holdout))

    def _measure_once(self, plan: Plan, examples: Examples) -> float:
        value = find_value(self._evaluate(plan, examples), self._metric)
        if value is not None and math.isfinite(value):
            return value
        raise FitRefused("NOT_MEASURED", f"the validation rows give no {self._metric}")


def cut_folds(examples: Examples, task: Task, search: SearchSpec) -> list[Split]:
    """Divide the training rows into parts to learn from and to validate on.

    They are divided as the holdout rows were: groups stay together, and what is validated on
    is newer than what was learned from where times divide.

    Args:
        examples: What is learned from.
        task: What is done.
        search: How many parts there are, or how large the only one is.

    Returns:
        Indices of the table's rows; the holdout rows are not among them.

    Raises:
        FitRefused: The rows can't be divided so.
    """
    division, training = examples.division, examples.split.training
    if search.folds:
        splits = make_folds(division, training, search.folds)
    else:
        part = split_rows(division.select(training), search.validation_fraction)
        splits = [Split(training[part.training], training[part.holdout])]
    return [_mend(examples, task, split) for split in splits]


def _take_part(examples: Examples, task: Task, training: Array, fraction: float) -> Array:
    """Take a part of some rows by chance, every class and label in it."""
    by_chance = SplitKind.STRATIFIED if task is Task.CLASSIFICATION else SplitKind.RANDOM
    division = replace(examples.division.select(training), kind=by_chance)
    # What is held out of a part is the rest of it.
    part = split_rows(division, 1 - fraction)
    split = Split(training[part.training], training[part.holdout])
    return _mend(examples, task, split, by_chance).training


def _mend(examples: Examples, task: Task, split: Split, kind: SplitKind | None = None) -> Split:
    if task is not Task.MULTILABEL_CLASSIFICATION:
        return split
    division = replace(examples.division, kind=kind or examples.division.kind)
    return keep_every_label(division, split, examples.target)
