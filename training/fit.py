"""One fit from table to version files; run in a child process with limits.

`python -m training.fit FOLDER` reads the request there, prints progress, one JSON object a
line, and writes the outcome there, beside the files of the version. It exits with 1,
after a traceback on standard error, only for faults of ours.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from registry import golden_rows
from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.errors import FieldInvalid
from registry.reports import Fault, Metric, ParityReport
from registry.signature import Signature, Task
from training.contest import Contender, hold_contest
from training.edge_rows import make_edge_rows
from training.errors import TableInvalid, TrainerNotInstalled
from training.estimators import build_estimator
from training.evaluation.document import document
from training.evaluation.evaluate import evaluate, measure_holdout
from training.evaluation.report import describe
from training.export import describe_signature, export_pipeline
from training.features import (
    Rows,
    build_pipeline,
    spread_rows,
    to_frame,
)
from training.fitting import (
    CHAMPION_FILE,
    MODEL_FILE,
    FitFile,
    FitOutcome,
    FitProgress,
    FitRequest,
    Level,
)
from training.golden import choose_rows, write_golden_rows
from training.ingest import profile_table, read_table
from training.leaks import find_leaks
from training.parity import Parity, make_report, open_session, predict
from training.plan import Examples, Plan, Report, make_plan, take_examples, to_text
from training.refusal import FitRefused
from training.search.search import keep_rising, search_plan
from training.trainers import FAMILIES

_LIBRARIES = ("scikit-learn", "onnx", "onnxruntime", "numpy", "polars")
_MODEL_FILES = (
    FitFile(MODEL_FILE, "application/onnx"),
    FitFile(golden_rows.ARTIFACT_ID, "application/json"),
)
_BASE_ROWS = 3
_TRAINING_ROWS = 5000
_LONGEST_MESSAGE = 500


def fit(request: FitRequest, folder: Path, report: Report) -> FitOutcome:
    """Fit a pipeline, write its files into the folder and describe them.

    Never raises for what is wrong with the table or the request: the outcome has the fault.
    """
    try:
        # Sums of several threads depend on who is first: one thread makes equal fits equal bytes.
        with threadpool_limits(1):
            return _fit(request, folder, report)
    except FitRefused as refused:
        return FitOutcome(fault=refused.fault)
    except TableInvalid as error:
        return FitOutcome(fault=Fault("TABLE_INVALID", error.message))
    except FieldInvalid as error:
        return FitOutcome(fault=Fault("SETTINGS_INVALID", error.message))
    except TrainerNotInstalled as error:
        return FitOutcome(fault=Fault("TRAINER_NOT_INSTALLED", error.message))


def _fit(request: FitRequest, folder: Path, report: Report) -> FitOutcome:
    plan, examples = read_examples(request, report)
    if request.search:
        report = keep_rising(report)
        plan = search_plan(
            request.search, plan, examples, partial(fit_and_measure, request), report
        )
    pipeline = _fit_pipeline(request, plan, examples, report)

    report(FitProgress("evaluate", 70, f"evaluating on {len(examples.split.holdout)} rows"))
    evaluation = evaluate(
        pipeline, plan, examples, lambda line: report(FitProgress("evaluate", 72, line))
    )
    figures = evaluation.metrics
    report(FitProgress("evaluate", 75, describe(evaluation), metrics=figures))

    report(FitProgress("export", 80, "writing the ONNX graph"))
    classes = _list_classes(pipeline, plan)
    signature = describe_signature(examples.inputs, plan.task, examples.target, len(classes))
    model = export_pipeline(pipeline, signature, FAMILIES[plan.trainer.id])
    (folder / MODEL_FILE).write_bytes(model)
    contest = None
    if request.rival:
        report(FitProgress("compare", 83, "measuring the champion on the same rows"))
        values = pipeline.classes_ if plan.task is Task.CLASSIFICATION else None
        contender = Contender(signature, classes, values)
        champion = (folder / CHAMPION_FILE).read_bytes()
        contest = hold_contest(champion, request.rival, contender, plan, examples)
    report(FitProgress("parity", 85, "comparing the graph with the pipeline"))
    parity = _check_parity(pipeline, model, signature, examples, plan, folder)
    report(FitProgress("parity", 95, _describe_parity(parity)))
    outcome = FitOutcome(
        fault=None if parity.passed else Fault("PARITY_FAILED", _describe_parity(parity)),
        task=plan.task,
        trainer=plan.trainer.id,
        parameters=_describe_parameters(plan, request),
        signature=signature,
        classes=classes,
        target_names=request.targets,
        metrics=evaluation.metrics,
        parity=parity,
        libraries=_list_libraries(plan.trainer.package),
        artifacts=_MODEL_FILES,
        contest=contest,
    )
    report(FitProgress("card", 95, "writing down what was found"))
    more = document(folder, request, outcome, evaluation)
    report(FitProgress("card", 100, f"{len(more)} files about the version"))
    return replace(outcome, artifacts=(*_MODEL_FILES, *more))


def read_examples(request: FitRequest, report: Report) -> tuple[Plan, Examples]:
    """Read the table, decide what will be done, and take the examples to learn from.

    Raises:
        FitRefused, FieldInvalid, TableInvalid: The table or the request won't do.
    """
    report(FitProgress("read", 0, "reading the table"))
    frame = read_table(Path(request.table_path), request.table_format)
    table = profile_table(frame)
    report(FitProgress("read", 5, f"{table.row_count} rows, {len(table.columns)} columns"))
    plan = make_plan(request, table)
    for target in request.targets:
        for leak in find_leaks(frame, target):
            report(FitProgress("read", 8, f"warning: {leak}"))
    return plan, take_examples(request, plan, frame, table, report)


def fit_and_measure(request: FitRequest, plan: Plan, examples: Examples) -> tuple[Metric, ...]:
    """Fit one trial of a search, quietly."""
    pipeline = _fit_pipeline(request, plan, examples, lambda _: None)
    return measure_holdout(pipeline, plan, examples)


def _fit_pipeline(request: FitRequest, plan: Plan, examples: Examples, report: Report) -> Any:
    report(FitProgress("fit", 20, f"fitting {plan.trainer.id}"))
    family = FAMILIES[plan.trainer.id]
    rows, target = examples.select(examples.split.training)
    pipeline = build_pipeline(
        examples.inputs,
        build_estimator(plan, target),
        scale=family.scale,
        declared=request.features,
        selection=request.feature_selection,
        seed=plan.seed,
    )
    options = examples.fit_options(examples.split.training)
    with _tell_warnings(report):
        pipeline.fit(to_frame(rows), target, **options)
    return pipeline


def _list_classes(pipeline: Any, plan: Plan) -> tuple[str, ...]:
    if plan.task is Task.MULTILABEL_CLASSIFICATION:
        return plan.learning.targets
    if plan.task is Task.REGRESSION:
        return ()
    return tuple(to_text(value) for value in pipeline.classes_.tolist())


@contextmanager
def _tell_warnings(report: Report) -> Iterator[None]:
    """Tell what the libraries warn of, such as a solver that stopped early, as progress."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for message in dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught):
        text = f"warning: {message[:_LONGEST_MESSAGE]}"
        report(FitProgress("fit", 65, text, Level.WARNING))


def _check_parity(
    pipeline: Any,
    model: bytes,
    signature: Signature,
    examples: Examples,
    plan: Plan,
    folder: Path,
) -> ParityReport:
    """Compare on holdout and edge rows, and write the golden rows from among them."""
    sets = _gather_sets(examples)
    parity = _pair(pipeline, model, examples, plan)
    golden = choose_rows(sets, "holdout")
    answers = predict(pipeline, golden)
    scale = float(np.min(parity.scale))
    content = write_golden_rows(signature, golden, answers, scale, parity.tolerance)
    (folder / golden_rows.ARTIFACT_ID).write_bytes(content)
    return make_report(parity.check(sets))


def _gather_sets(examples: Examples) -> dict[str, Rows]:
    """Gather the rows to compare on by the name of their kind, the holdout first."""
    training, _ = examples.select(examples.split.training)
    holdout, _ = examples.select(examples.split.holdout)
    base = spread_rows(holdout, _BASE_ROWS)
    # Training rows are where thresholds sit, so where a rounding shows first.
    sets = {"holdout": holdout, "training": spread_rows(training, _TRAINING_ROWS)}
    return sets | make_edge_rows(examples.inputs, training, base)


def _pair(pipeline: Any, model: bytes, examples: Examples, plan: Plan) -> Parity:
    scale = np.ones(1)
    if plan.task is Task.REGRESSION:
        scale = np.atleast_1d(examples.target.std(axis=0))
        scale[scale == 0] = 1.0
    # Only sums need their columns scaled.
    is_smooth = FAMILIES[plan.trainer.id].scale
    return Parity(pipeline, open_session(model), scale, plan.learning.parity_tolerance, is_smooth)


def _describe_parity(parity: ParityReport) -> str:
    failed = [check for check in parity.checks if not check.passed]
    rows = sum(check.row_count for check in parity.checks)
    if not failed:
        most = max(check.max_difference for check in parity.checks)
        how = f"to {most:.1g}" if most else "to the last digit"
        return f"the ONNX graph agrees with the pipeline on {rows} rows, {how}"
    worst = max(failed, key=lambda check: check.max_difference)
    return (
        f"the ONNX graph differs from the pipeline on {worst.rows} by {worst.max_difference:.3g}"
        f" (let through: {worst.tolerance:g}), {worst.label_mismatch_count} of {worst.row_count}"
        " labels differ; try another trainer, and report this"
    )


def _describe_parameters(plan: Plan, request: FitRequest) -> dict[str, str]:
    used = plan.settings.model_dump()
    used |= {"holdout_fraction": request.holdout_fraction, "seed": request.seed}
    used |= request.learning.describe()
    return {name: to_text(value) for name, value in used.items()}


def _list_libraries(package: str) -> dict[str, str]:
    versions = {name: version(name) for name in _LIBRARIES}
    # The distribution may have another name than the package, as xgboost-cpu has.
    return versions | {package: import_module(package).__version__} if package else versions


def main() -> None:
    """Fit what the folder named on the command line asks for."""
    folder = Path(sys.argv[1])
    request = TypeAdapter(FitRequest).validate_json((folder / REQUEST_FILE).read_bytes())
    outcome = TypeAdapter(FitOutcome).dump_json(fit(request, folder, _print_progress))
    partial = folder / f"{OUTCOME_FILE}.partial"
    partial.write_bytes(outcome)
    partial.replace(folder / OUTCOME_FILE)


def _print_progress(progress: FitProgress) -> None:
    sys.stdout.write(TypeAdapter(FitProgress).dump_json(progress).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
