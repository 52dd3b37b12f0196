"""What a training job must fulfil before it is taken, and what can be told of it beforehand."""

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from pydantic import JsonValue

from registry.errors import DomainError, FieldInvalid
from registry.models import check_texts
from registry.names import check_alias_id, check_id
from registry.signature import Task
from training import catalog
from training.findings import Finding, Severity, finding_of
from training.job import JobBounds, JobSpec
from training.promotion import METRICS, is_legal_improvement
from training.search.checks import find_search_faults
from training.search.executor_checks import find_executor_faults
from training.states import DatasetState
from training.tables import DatasetVersionRow

_MAX_FEATURES = 10_000
_MAX_PRIORITY = 100
_MOST_FINDINGS = 1000


def check_spec(spec: JobSpec, table: DatasetVersionRow, bounds: JobBounds) -> None:
    """Find what no job can have, before there is a job.

    What is wrong with the table for this job is for the job itself to say.

    Raises:
        FieldInvalid: Something is not legal; it names the field.
    """
    for finding in _find_illegal(spec, table, bounds):
        raise FieldInvalid(finding.message, field=finding.field)


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
    elif table:
        yield from _find_wrong_columns(spec, [column.name for column in table.columns])
    yield from _find_wrong_settings(spec)
    if not 0 < spec.holdout_fraction < 1:
        yield Finding(
            "training_job.holdout_fraction",
            "HOLDOUT_INVALID",
            "holdout_fraction must be over 0 and under 1",
            "0.2",
        )
    yield from _find_wrong_names(spec)
    yield from _find_wrong_bounds(spec, bounds)
    yield from _find_wrong_gate(spec)
    yield from find_search_faults(spec)
    yield from find_executor_faults(spec, table, bounds)


def _find_wrong_columns(spec: JobSpec, columns: list[str]) -> Iterator[Finding]:
    yield from _find_unknown(spec.target, columns, "training_job.target", "TARGET_NOT_FOUND")
    names = [feature.column for feature in spec.features]
    field = "training_job.features"
    if len(names) > _MAX_FEATURES or len(set(names)) < len(names):
        yield Finding(
            field,
            "FEATURE_INVALID",
            f"features must be at most {_MAX_FEATURES} different columns",
            "name each column once",
        )
    for position, name in enumerate(names[:_MAX_FEATURES]):
        place = f"{field}[{position}].column"
        yield from _find_unknown(name, columns, place, "FEATURE_INVALID")
        if name == spec.target:
            yield Finding(
                place, "FEATURE_INVALID", f"the target {name!r} can't be a feature", "leave it out"
            )


def _find_unknown(name: str, columns: list[str], field: str, reason: str) -> Iterator[Finding]:
    if name in columns:
        return
    known = ", ".join(repr(column) for column in columns[:20])
    close = get_close_matches(name[:100], columns[:_MAX_FEATURES], 1)
    yield Finding(
        field,
        reason,
        f"{field} names the column {name[:100]!r}, which the table lacks; it has {known}",
        close[0] if close else "",
    )


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
    except FieldInvalid as error:
        close = get_close_matches(spec.trainer[:100], list(catalog.TRAINERS), 1)
        yield finding_of(error, field, close[0] if close else "")
        return
    if spec.task and spec.task not in trainer.tasks:
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
    except FieldInvalid as error:
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
