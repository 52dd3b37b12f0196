"""What a training job must fulfil before it is taken, and what can be told of it beforehand."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from pydantic import JsonValue

from registry.errors import DomainError, FieldInvalid
from registry.models import check_texts
from registry.names import check_alias_id, check_id
from registry.signature import Task
from training import catalog
from training.columns import Column
from training.evaluation.scheme import check_scheme
from training.findings import Finding, Severity, finding_of
from training.job import JobBounds, JobSpec
from training.job_columns import find_wrong_columns
from training.learning import DEFAULT_TOLERANCE, check_learning
from training.promotion import METRICS, is_legal_improvement
from training.search.checks import find_search_faults
from training.search.executor_checks import find_executor_faults
from training.states import DatasetState
from training.tables import DatasetVersionRow
from training.tasks import infer_task_of

_MAX_PRIORITY = 100
_MOST_FINDINGS = 1000


def check_spec(spec: JobSpec, table: DatasetVersionRow, bounds: JobBounds) -> None:
    """Find what no job can have, before there is a job.

    What is wrong with the table for this job is for the job itself to say.

    Raises:
        FieldInvalid: Something is not legal; it names the field.
        TrainerNotInstalled: The trainer's package is not installed here.
        StepNotExportable: A step of the features can't be served; likewise.
    """
    for finding in _find_illegal(spec, table, bounds):
        raise finding.cause or FieldInvalid(finding.message, field=finding.field)


def find_faults(spec: JobSpec, table: DatasetVersionRow | None, bounds: JobBounds) -> list[Finding]:
    """Find everything that a job would be refused for or fail of, worst first.

    Args:
        spec: What is wanted.
        table: The table, if there is one.
        bounds: What a job may ask for at most.
    """
    # It brings in the library of tables, which a server that only serves never needs.
    from training.table_checks import find_table_faults  # noqa: PLC0415

    found = list(_find_illegal(spec, table, bounds))
    if table and table.state == DatasetState.ACTIVE:
        known = {finding.field for finding in found}
        found += [it for it in find_table_faults(spec, table) if it.field not in known]
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    return sorted(found, key=lambda finding: order.index(finding.severity))[:_MOST_FINDINGS]


def fill_bounds(spec: JobSpec, bounds: JobBounds) -> JobSpec:
    """Fill in what a job gets where it asks for nothing."""
    return replace(
        spec,
        memory_mb=spec.memory_mb or bounds.memory_mb,
        seconds=spec.seconds or bounds.seconds,
        max_attempts=spec.max_attempts or bounds.max_attempts,
    )


def _find_illegal(
    spec: JobSpec, table: DatasetVersionRow | None, bounds: JobBounds
) -> Iterator[Finding]:
    if table and table.state != DatasetState.ACTIVE:
        yield Finding(
            "training_job.dataset_version",
            "TABLE_INVALID",
            f"version {table.number} of the dataset {spec.dataset_id!r} could not be read and"
            " can't be trained on",
            "upload the table again, mended",
        )
        table = None
    columns = {column.name: column for column in table.columns} if table else {}
    wrong = list(find_wrong_columns(spec, columns)) if table else []
    yield from wrong
    wrong_settings = list(_find_wrong_settings(spec))
    yield from wrong_settings
    if table and not (wrong or wrong_settings):
        yield from _find_unfit(spec, columns, table.row_count)
    if not 0 < spec.holdout_fraction < 1:
        yield Finding(
            "training_job.holdout_fraction",
            "HOLDOUT_INVALID",
            "holdout_fraction must be over 0 and under 1",
            "0.2",
        )
    most = bounds.parity_tolerance
    if not 0 < spec.learning.parity_tolerance <= most:
        yield Finding(
            "training_job.parity_tolerance",
            "OVER_BOUND",
            f"parity_tolerance must be over 0 and at most {most:g}, the server's limit",
            f"{DEFAULT_TOLERANCE:g}",
        )
    yield from _find_wrong_names(spec)
    yield from _find_wrong_bounds(spec, bounds)
    yield from _find_wrong_gate(spec)
    yield from find_search_faults(spec)
    yield from find_executor_faults(spec, table, bounds)


def _find_unfit(spec: JobSpec, columns: Mapping[str, Column], row_count: int) -> Iterator[Finding]:
    """Find what the trainer or the evaluation can't do with such targets and so many rows."""
    targets = [columns[name] for name in spec.targets]
    task = spec.task or infer_task_of(targets, row_count)
    field = "training_job.trainer"
    try:
        trainer = catalog.choose_trainer(spec.trainer, task)
    except DomainError as error:
        yield finding_of(error, field, catalog.choose_trainer("", task).id)
        return
    settings = catalog.check_settings(trainer.id, dict(spec.settings))
    try:
        check_learning(spec.learning, task, trainer, settings)
    except DomainError as error:
        yield finding_of(error, "training_job.task")
    try:
        check_scheme(spec.evaluation, columns, spec.targets, task)
    except DomainError as error:
        yield finding_of(error, "training_job.evaluation")
    # No fewer rows than these have every target.
    known = row_count - sum(target.missing_count for target in targets)
    if excess := catalog.describe_excess(trainer, int(known * (1 - spec.holdout_fraction))):
        yield Finding(field, "TOO_MANY_ROWS", excess, "gradient-boosting")


def _find_wrong_settings(spec: JobSpec) -> Iterator[Finding]:
    field = "training_job.trainer"
    if not spec.trainer:
        if spec.settings:
            yield Finding(
                field, "FIELD_INVALID", "settings belong to a trainer; name the trainer too"
            )
        return
    try:
        trainer = catalog.get_trainer(spec.trainer)
    except DomainError as error:
        close = get_close_matches(spec.trainer[:100], list(catalog.TRAINERS), 1)
        yield finding_of(error, field, close[0] if close else "")
        return
    if spec.task and not trainer.can_do(spec.task):
        yield Finding(
            field,
            "TRAINER_UNFIT",
            f"the trainer {trainer.id!r} can't do {spec.task}",
            catalog.choose_trainer("", spec.task).id,
        )
    yield from _find_wrong_values(spec)


def _find_wrong_values(spec: JobSpec) -> Iterator[Finding]:
    """Check the settings one by one, so that every wrong one is told, then together."""
    wrong = False
    for name, value in spec.settings.items():
        for finding in _caught(f"training_job.settings.{name[:100]}", spec.trainer, {name: value}):
            wrong = True
            yield finding
    if not wrong:
        yield from _caught("training_job.settings", spec.trainer, dict(spec.settings))


def _caught(field: str, trainer: str, settings: dict[str, JsonValue]) -> Iterator[Finding]:
    try:
        catalog.check_settings(trainer, settings)
    except DomainError as error:
        yield finding_of(error, field)


def _find_wrong_names(spec: JobSpec) -> Iterator[Finding]:
    try:
        check_texts("", "", spec.labels, "training_job")
    except DomainError as error:
        yield finding_of(error, "training_job.labels")
    try:
        check_id(spec.queue, "training_job.queue")
    except DomainError as error:
        yield finding_of(error, "training_job.queue", "default")


def _find_wrong_bounds(spec: JobSpec, bounds: JobBounds) -> Iterator[Finding]:
    if abs(spec.priority) > _MAX_PRIORITY:
        yield Finding(
            "training_job.priority",
            "FIELD_INVALID",
            f"priority must be from -{_MAX_PRIORITY} to {_MAX_PRIORITY}",
            "0",
        )
    for name, value, most in (
        ("limits.memory_mb", spec.memory_mb, bounds.memory_mb),
        ("limits.time", spec.seconds, bounds.seconds),
        ("max_attempts", spec.max_attempts, bounds.max_attempts),
    ):
        if not 0 <= value <= most:
            yield Finding(
                f"training_job.{name}",
                "OVER_BOUND",
                f"{name} must be from 0 to {most:g}, which is what this server allows",
                f"{most:g}",
            )


def _find_wrong_gate(spec: JobSpec) -> Iterator[Finding]:
    field = "training_job.on_success"
    if spec.on_success.alias:
        try:
            check_alias_id(spec.on_success.alias, f"{field}.alias")
        except DomainError as error:
            yield finding_of(error, f"{field}.alias")
    gate = spec.on_success.gate
    if gate is None:
        return
    known = METRICS[spec.task] if spec.task else [name for task in Task for name in METRICS[task]]
    if gate.metric and gate.metric not in known:
        yield Finding(
            f"{field}.promote.metric",
            "METRIC_UNKNOWN",
            f"there is no metric {gate.metric[:100]!r} to compare by; there are {', '.join(known)}",
            known[0],
        )
    if not is_legal_improvement(gate.min_improvement):
        yield Finding(
            f"{field}.promote.min_improvement",
            "FIELD_INVALID",
            "min_improvement must be a finite number, not negative",
            "0",
        )
