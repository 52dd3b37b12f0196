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

from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from registry import golden_rows
from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.errors import FieldInvalid
from registry.reports import Fault, Metric
from registry.signature import Task
from training.contest import Contender, hold_contest
from training.errors import TableInvalid, TrainerNotInstalled
from training.estimators import build_estimator
from training.evaluation.document import document
from training.evaluation.evaluate import evaluate, measure_holdout
from training.evaluation.report import Evaluation, describe
from training.export import describe_signature, export_pipeline
from training.features import (
    build_pipeline,
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
from training.ingest import profile_table, read_table
from training.leaks import find_leaks
from training.plan import Examples, Plan, Report, make_plan, take_examples, to_text
from training.proof import describe_proof, prove
from training.refusal import FitRefused
from training.search.search import keep_rising, search_plan
from training.trainers import FAMILIES

_LIBRARIES = ("scikit-learn", "onnx", "onnxruntime", "numpy", "polars")
_MODEL_FILES = (
    FitFile(MODEL_FILE, "application/onnx"),
    FitFile(golden_rows.ARTIFACT_ID, "application/json"),
)
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
    evaluation = _evaluate(pipeline, plan, examples, report)

    report(FitProgress("export", 80, "writing the ONNX graph"))
    classes = _list_classes(pipeline, plan)
    signature = describe_signature(examples.inputs, plan.task, examples.target, len(classes))
    model = export_pipeline(pipeline, signature, FAMILIES[plan.trainer.id])
    (folder / MODEL_FILE).write_bytes(model)
    contest = None
    if request.rival:
        report(FitProgress("compare", 83, "measuring the champion on the same rows"))
        values = pipeline.classes_ if plan.task is Task.CLASSIFICATION else None
        champion = (folder / CHAMPION_FILE).read_bytes()
        contender = Contender(signature, classes, values)
        contest = hold_contest(champion, request.rival, contender, plan, examples)
    report(FitProgress("parity", 85, "comparing the graph with the pipeline"))
    parity = prove(pipeline, model, signature, examples, plan, folder)
    report(FitProgress("parity", 95, describe_proof(parity)))
    outcome = FitOutcome(
        fault=None if parity.passed else Fault("PARITY_FAILED", describe_proof(parity)),
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
    return _document(request, outcome, evaluation, folder, report)


def _evaluate(pipeline: Any, plan: Plan, examples: Examples, report: Report) -> Evaluation:
    report(FitProgress("evaluate", 70, f"evaluating on {len(examples.split.holdout)} rows"))
    found = evaluate(
        pipeline, plan, examples, lambda line: report(FitProgress("evaluate", 72, line))
    )
    report(FitProgress("evaluate", 75, describe(found), metrics=found.metrics))
    return found


def _document(
    request: FitRequest,
    outcome: FitOutcome,
    evaluation: Evaluation,
    folder: Path,
    report: Report,
) -> FitOutcome:
    """Write the plots and the card, and add them to the version's files."""
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
    unfinished = folder / f"{OUTCOME_FILE}.partial"
    unfinished.write_bytes(outcome)
    unfinished.replace(folder / OUTCOME_FILE)


def _print_progress(progress: FitProgress) -> None:
    sys.stdout.write(TypeAdapter(FitProgress).dump_json(progress).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
