"""One combination: refused beforehand, or fitted, exported and compared, as a job does it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from registry.reports import ParityCheck
from tests.parity_table.cases import KINDS, STEPS, Combination, settings_of
from tests.parity_table.table import make_table, profile
from training import fit
from training.columns import TableFormat
from training.export import describe_signature, export_pipeline
from training.features import Rows, spread_rows
from training.findings import Finding, Severity
from training.fitting import FitProgress, FitRequest
from training.job import JobBounds, JobSpec
from training.job_checks import find_faults
from training.parity import Parity
from training.plan import Examples, Plan, make_plan, take_examples
from training.proof import gather_sets, pair
from training.states import DatasetState
from training.tables import DatasetVersionRow
from training.trainers import FAMILIES

EXACT = 2e-7
"""Differences over it are no rounding of FP32, in which answers are given."""

_SOME_ROWS = 50


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of a combination that was fitted.

    Attributes:
        passed: Whether its version would serve.
        rows: How many rows were compared.
        flips: On how many of them the labels differ.
        excused: On how many of those the two best classes are as good as equal, so that rounding
            decides between them.
        difference: The largest difference, in probabilities or standard deviations.
    """

    passed: bool
    rows: int
    flips: int
    excused: int
    difference: float

    @property
    def is_exact(self) -> bool:
        """Whether the graph is the pipeline, but for the rounding of answers."""
        return self.passed and self.flips == self.excused and self.difference < EXACT


def find_refusal(combination: Combination) -> Finding | None:
    """Find why a job would be refused, as ValidateTrainingJob does, before any training."""
    request = _make_request(combination)
    spec = JobSpec(
        model_id="parcels",
        dataset_id="parcels",
        dataset_reference="1",
        target=request.target,
        task=request.task,
        trainer=request.trainer,
        settings=request.settings,
        features=request.features,
        feature_selection=request.feature_selection,
        learning=request.learning,
    )
    errors = [
        finding
        for finding in find_faults(spec, _make_version(), JobBounds())
        if finding.severity is Severity.ERROR
    ]
    return errors[0] if errors else None


@cache
def _make_version() -> DatasetVersionRow:
    table = profile()
    return DatasetVersionRow(
        number=1, state=DatasetState.ACTIVE, row_count=table.row_count, columns=table.columns
    )


def _make_request(combination: Combination) -> FitRequest:
    kind, step = KINDS[combination.kind], STEPS[combination.step]
    settings: Any = settings_of(combination.trainer)
    return FitRequest(
        table_path="",
        table_format=TableFormat.PARQUET,
        target=kind.first_target,
        task=kind.task,
        trainer=combination.trainer,
        settings=settings,
        features=step.features,
        feature_selection=step.selection,
        learning=kind.learning,
    )


def prove(combination: Combination, *, on_all_rows: bool) -> Proof:
    """Fit a combination, export it, and compare the graph with the pipeline.

    The steps are those of `training.fit.fit`, without what it finds out about quality.

    Args:
        combination: One that is not refused.
        on_all_rows: Whether to compare on all that a job compares on, in batches too; else
            on some rows of every set at once.
    """
    request = _make_request(combination)
    plan = make_plan(request, profile())
    examples = take_examples(request, plan, make_table(), profile(), _tell_nobody)
    pipeline = fit._fit_pipeline(request, plan, examples, _tell_nobody)
    parity = pair(pipeline, _export(pipeline, plan, examples), examples, plan)
    sets = gather_sets(examples)
    if on_all_rows:
        return _sum_up(parity.check(sets))
    return _sum_up(_check_some(parity, sets))


def _tell_nobody(_: FitProgress) -> None:
    """Take progress that nobody looks at."""


def _export(pipeline: Any, plan: Plan, examples: Examples) -> bytes:
    classes = fit._list_classes(pipeline, plan)
    signature = describe_signature(examples.inputs, plan.task, examples.target, len(classes))
    return export_pipeline(pipeline, signature, FAMILIES[plan.trainer.id])


def _check_some(parity: Parity, sets: dict[str, Rows]) -> tuple[ParityCheck, ...]:
    some = [spread_rows(rows, _SOME_ROWS) for rows in sets.values()]
    joined = {name: np.concatenate([rows[name] for rows in some]) for name in some[0]}
    return (parity._check_set("some of every set", joined),)


def _sum_up(checks: tuple[ParityCheck, ...]) -> Proof:
    return Proof(
        all(check.passed for check in checks),
        sum(check.row_count for check in checks),
        sum(check.label_mismatch_count for check in checks),
        sum(check.excused_count for check in checks),
        max(check.max_difference for check in checks),
    )
