"""Evaluates a fitted pipeline: on the holdout rows, in folds, beside a baseline."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sklearn.base import clone

from registry.reports import Metric
from registry.signature import Task
from training.evaluation.answers import (
    Answers,
    Outcomes,
    Sample,
    SeveralAnswers,
    ValueAnswers,
    ask,
)
from training.evaluation.baseline import Baseline, describe_failure
from training.evaluation.curves import (
    calibrate,
    count_confusion,
    draw_curves,
    measure_residuals,
)
from training.evaluation.importance import measure_importances
from training.evaluation.intervals import Figure, measure
from training.evaluation.remarks import remark_on_figures, remark_on_rows
from training.evaluation.report import FOLDS, HOLDOUT, Evaluation
from training.evaluation.segments import choose_segment_column, measure_segments
from training.evaluation.splits import keep_every_label, make_folds
from training.features import Array, to_frame
from training.plan import Examples, Plan

Tell = Callable[[str], None]
"""Takes a line of progress."""


def evaluate(pipeline: Any, plan: Plan, examples: Examples, tell: Tell) -> Evaluation:
    """Evaluate a pipeline that was fitted on the training rows.

    Raises:
        FitRefused: The rows can't be divided into so many folds.
    """
    outcomes = _describe_outcomes(pipeline, plan)
    learned, held = (
        _sample(examples, rows) for rows in (examples.split.training, examples.split.holdout)
    )
    baseline = Baseline(plan.task, learned)
    answers = ask(pipeline, held, outcomes)
    figures = measure([answers], plan.seed)
    plain = measure([ask(baseline, held, outcomes)], plan.seed)
    metrics = _to_metrics(HOLDOUT, figures, plain)
    if plan.scheme.folds:
        metrics += _evaluate_folds(pipeline, plan, examples, outcomes, tell)
    importances = measure_importances(pipeline, held, outcomes, plan.seed)
    remarks = remark_on_rows(plan.task, learned.target, held.target)
    remarks += remark_on_figures(metrics, importances, len(held))
    if failure := describe_failure(plan.task, figures, plain):
        tell(f"warning: the model is {failure}")
        remarks.insert(0, f"The model is {failure}.")
    evaluation = Evaluation(
        task=plan.task,
        split=plan.scheme.resolve(plan.task),
        split_column=plan.scheme.column,
        training_rows=len(learned),
        holdout_rows=len(held),
        folds=plan.scheme.folds,
        baseline=baseline.describe(),
        metrics=metrics,
        remarks=tuple(remarks),
        importances=importances,
    )
    evaluation = _add_segments(evaluation, plan, examples, answers)
    return _add_curves(evaluation, answers)


def measure_holdout(pipeline: Any, plan: Plan, examples: Examples) -> tuple[Metric, ...]:
    """Measure a pipeline on the holdout rows; the figures alone, which is quick."""
    held = _sample(examples, examples.split.holdout)
    figures = measure([ask(pipeline, held, _describe_outcomes(pipeline, plan))], seed=None)
    return _to_metrics(HOLDOUT, figures, ())


def _describe_outcomes(pipeline: Any, plan: Plan) -> Outcomes:
    classes = pipeline.classes_ if plan.task is Task.CLASSIFICATION else None
    return Outcomes(plan.task, classes, plan.learning.targets)


def _sample(examples: Examples, indices: Array) -> Sample:
    return Sample(examples.rows, examples.target, examples.weights).select(indices)


def _evaluate_folds(
    pipeline: Any, plan: Plan, examples: Examples, outcomes: Outcomes, tell: Tell
) -> tuple[Metric, ...]:
    """Fit the pipeline anew in each fold; the baseline too."""
    found: list[Answers] = []
    plain: list[Answers] = []
    folds = plan.scheme.folds
    splits = make_folds(examples.division, examples.split.training, folds)
    for number, split in enumerate(splits, 1):
        if plan.task is Task.MULTILABEL_CLASSIFICATION:
            split = keep_every_label(examples.division, split, examples.target)  # noqa: PLW2901  the same, mended
        tell(f"fold {number} of {folds}: {len(split.training)} rows to learn from")
        learned, held = _sample(examples, split.training), _sample(examples, split.holdout)
        with warnings.catch_warnings():
            # The fit of the version itself told what there is to tell.
            warnings.simplefilter("ignore")
            member = clone(pipeline).fit(
                to_frame(learned.rows), learned.target, **examples.fit_options(split.training)
            )
        found.append(ask(member, held, outcomes))
        plain.append(ask(Baseline(plan.task, learned), held, outcomes))
    return _to_metrics(FOLDS, measure(found, plan.seed), measure(plain, plan.seed))


def _to_metrics(
    split: str, figures: tuple[Figure, ...], plain: tuple[Figure, ...]
) -> tuple[Metric, ...]:
    others = {(figure.name, figure.class_name): figure for figure in plain}
    metrics = []
    for figure in figures:
        other = others.get((figure.name, figure.class_name))
        metrics.append(
            Metric(
                name=figure.name,
                value=figure.value,
                lower=figure.lower,
                upper=figure.upper,
                split=split,
                class_name=figure.class_name,
                # What a baseline says of one class alone means nothing.
                baseline=other.value if other and not figure.class_name else None,
            )
        )
    return tuple(metrics)


def _add_segments(
    evaluation: Evaluation, plan: Plan, examples: Examples, answers: Answers
) -> Evaluation:
    holdout = examples.split.holdout
    column, values = plan.scheme.segment, examples.segments
    if values is None:
        column = choose_segment_column(examples.inputs, evaluation.importances)
        values = examples.rows[column].astype(str) if column else None
    if values is None:
        return evaluation
    segments = measure_segments(column, values[holdout], answers, plan.seed)
    return replace(evaluation, segments=segments)


def _add_curves(evaluation: Evaluation, answers: Answers) -> Evaluation:
    if isinstance(answers, SeveralAnswers):
        return evaluation
    if isinstance(answers, ValueAnswers):
        return replace(evaluation, residuals=measure_residuals(answers))
    return replace(
        evaluation,
        confusion=count_confusion(answers),
        curves=draw_curves(answers),
        calibration=calibrate(answers),
    )
