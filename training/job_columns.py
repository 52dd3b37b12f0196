"""Whether the columns that a job names are there, and fit for what they are named for."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from registry.errors import DomainError
from training.columns import Column, ColumnType, describe_unknown
from training.feature_checks import check_features
from training.findings import Finding, finding_of
from training.job import JobSpec
from training.learning import MAX_TARGETS

_MAX_FEATURES = 10_000

Columns = Mapping[str, Column]


def find_wrong_columns(spec: JobSpec, columns: Columns) -> Iterator[Finding]:
    """Find what is wrong with the targets, the features and the weight column.

    Args:
        spec: What is wanted.
        columns: The table's columns by name.
    """
    yield from _find_wrong_targets(spec, columns)
    wrong = list(_find_wrong_features(spec, columns))
    yield from wrong
    if not wrong:
        yield from _find_wrong_steps(spec, columns)
    if spec.learning.weight_column:
        yield from _find_wrong_weights(spec, columns)


def _find_wrong_targets(spec: JobSpec, columns: Columns) -> Iterator[Finding]:
    names = spec.learning.targets
    if not names:
        yield from _find_unknown(spec.target, columns, "training_job.target", "TARGET_NOT_FOUND")
        return
    field = "training_job.targets"
    if len(names) > MAX_TARGETS or len(set(names)) < len(names):
        message = f"targets must be at most {MAX_TARGETS} different columns"
        yield Finding(field, "FIELD_INVALID", message, "name each column once")
    for position, name in enumerate(names[:MAX_TARGETS]):
        yield from _find_unknown(name, columns, f"{field}[{position}]", "TARGET_NOT_FOUND")


def _find_wrong_features(spec: JobSpec, columns: Columns) -> Iterator[Finding]:
    names = [feature.column for feature in spec.features]
    field = "training_job.features"
    if len(names) > _MAX_FEATURES or len(set(names)) < len(names):
        message = f"features must be at most {_MAX_FEATURES} different columns"
        yield Finding(field, "FEATURE_INVALID", message, "name each column once")
    for position, name in enumerate(names[:_MAX_FEATURES]):
        place = f"{field}[{position}].column"
        yield from _find_unknown(name, columns, place, "FEATURE_INVALID")
        if name in (*spec.targets, spec.learning.weight_column):
            message = f"{name!r}, a target or the weight column, can't be a feature"
            yield Finding(place, "FEATURE_INVALID", message, "leave it out")


def _find_wrong_steps(spec: JobSpec, columns: Columns) -> Iterator[Finding]:
    try:
        check_features(
            spec.features,
            spec.feature_selection,
            columns,
            several_targets=len(spec.targets) > 1,
        )
    except DomainError as error:
        yield finding_of(error, "training_job.features")


def _find_wrong_weights(spec: JobSpec, columns: Columns) -> Iterator[Finding]:
    name, field = spec.learning.weight_column, "training_job.weight_column"
    if name not in columns:
        yield from _find_unknown(name, columns, field, "WEIGHT_INVALID")
        return
    column, message = columns[name], ""
    if name in spec.targets:
        message = f"the target {name!r} can't be the weight column"
    elif column.type not in (ColumnType.INTEGER, ColumnType.FLOAT):
        message = f"the weight column {name!r} holds {column.type}; weights are numbers"
    elif column.missing_count or (column.minimum or 0) < 0:
        message = (
            f"the weight column {name!r} has values that miss or are negative; fill them in, and 0"
            " leaves a row out"
        )
    if message:
        yield Finding(field, "WEIGHT_INVALID", message)


def _find_unknown(name: str, columns: Columns, field: str, reason: str) -> Iterator[Finding]:
    if name in columns:
        return
    close = get_close_matches(name[:100], list(columns)[:_MAX_FEATURES], 1)
    message = describe_unknown(name, columns, field)
    yield Finding(field, reason, message, close[0] if close else "")
