"""How good settings are: fits on parts of the training rows, measured on the others."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from pydantic import JsonValue

from registry.reports import Metric
from registry.signature import Task
from training.catalog import check_settings
from training.evaluation import Split, split_rows
from training.features import Array, describe_inputs, select_rows
from training.plan import Examples, Plan
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
        training = examples.split.training
        target = examples.target[training]
        self._splits = [
            Split(training[split.training], training[split.holdout])
            for split in cut_folds(target, plan, search)
        ]

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
            target = examples.target[training]
            # What is held out of a part is the rest of it, every class in both.
            part = split_rows(target, self._plan.task, 1 - fraction, self._plan.seed)
            training = training[part.training]
        inputs = describe_inputs(examples.inputs, select_rows(examples.rows, training))
        return replace(examples, inputs=inputs, split=Split(training, split.holdout))

    def _measure_once(self, plan: Plan, examples: Examples) -> float:
        for metric in self._evaluate(plan, examples):
            if metric.name == self._metric and math.isfinite(metric.value):
                return metric.value
        raise FitRefused("NOT_MEASURED", f"the validation rows give no {self._metric}")


def cut_folds(target: Array, plan: Plan, search: SearchSpec) -> list[Split]:
    """Cut training rows into parts to learn from and to validate on.

    Args:
        target: [rows] What is to be predicted.
        plan: What is done; its seed decides who goes where.
        search: How many parts there are, or how large the only one is.

    Returns:
        Indices into the rows. A class of fewer rows than folds is only learned from.
    """
    if not search.folds:
        return [split_rows(target, plan.task, search.validation_fraction, plan.seed)]
    order = np.random.default_rng(plan.seed).permutation(len(target))
    places = np.arange(len(target)) % search.folds
    if plan.task is Task.CLASSIFICATION:
        codes, counts = np.unique(target[order], return_inverse=True, return_counts=True)[1:]
        # Dealt out class by class, so that every fold gets its share of each.
        order = order[np.argsort(codes, kind="stable")]
        places = np.where(np.repeat(counts, counts) < search.folds, -1, places)
    folds = [np.sort(order[places == fold]) for fold in range(search.folds)]
    everything = np.arange(len(target))
    return [Split(np.setdiff1d(everything, fold), fold) for fold in folds if len(fold)]
