"""What a training job must fulfil before it is taken."""

from collections.abc import Sequence

from registry.errors import FieldInvalid
from registry.signature import Task
from training import catalog
from training.columns import Column, ColumnType
from training.evaluation.scheme import check_scheme
from training.feature_checks import check_features
from training.job import JobSpec
from training.learning import MAX_TARGETS, check_learning
from training.states import DatasetState
from training.tables import DatasetVersionRow
from training.tasks import infer_task_of

_MAX_FEATURES = 10_000


def check_spec(spec: JobSpec, table: DatasetVersionRow, most_tolerance: float) -> None:
    """Find what would make a job fail, before there is a job.

    Args:
        spec: What is wanted.
        table: What it is to be learned from.
        most_tolerance: How far a graph may be from its pipeline, whatever a job asks for.

    Raises:
        FieldInvalid: Something is not legal; it names the field.
        TrainerNotInstalled: The trainer's package is not installed here.
        StepNotExportable: A step of the features can't be served; likewise.
    """
    if table.state != DatasetState.ACTIVE:
        raise FieldInvalid(
            f"version {table.number} of the dataset {spec.dataset_id!r} could not be read and"
            " can't be trained on",
            field="training_job.dataset_version",
        )
    columns = {column.name: column for column in table.columns}
    targets = _check_targets(spec, columns)
    _check_features(spec, columns)
    check_features(
        spec.features,
        spec.feature_selection,
        columns,
        several_targets=len(targets) > 1,
    )
    _check_weight_column(spec, columns)
    if not 0 < spec.learning.parity_tolerance <= most_tolerance:
        raise FieldInvalid(
            f"parity_tolerance must be over 0 and at most {most_tolerance:g}, the server's limit",
            field="training_job.parity_tolerance",
        )
    if not 0 < spec.holdout_fraction < 1:
        raise FieldInvalid(
            "holdout_fraction must be over 0 and under 1", field="training_job.holdout_fraction"
        )
    task = _check_trainer(spec, targets, table.row_count)
    check_scheme(spec.evaluation, columns, {target.name for target in targets}, task)


def _check_targets(spec: JobSpec, columns: dict[str, Column]) -> list[Column]:
    names = spec.learning.targets
    if not names:
        _check_column(spec.target, columns, "training_job.target")
        return [columns[spec.target]]
    field = "training_job.targets"
    if len(names) > MAX_TARGETS or len(set(names)) < len(names):
        raise FieldInvalid(f"targets must be at most {MAX_TARGETS} different columns", field=field)
    for position, name in enumerate(names):
        _check_column(name, columns, f"{field}[{position}]")
    return [columns[name] for name in names]


def _check_features(spec: JobSpec, columns: dict[str, Column]) -> None:
    names = [feature.column for feature in spec.features]
    field = "training_job.features"
    if len(names) > _MAX_FEATURES or len(set(names)) < len(names):
        raise FieldInvalid(
            f"features must be at most {_MAX_FEATURES} different columns", field=field
        )
    for position, name in enumerate(names):
        _check_column(name, columns, f"{field}[{position}].column")
        if name in (spec.target, *spec.learning.targets, spec.learning.weight_column):
            raise FieldInvalid(
                f"{name!r}, a target or the weight column, can't be a feature",
                field=f"{field}[{position}].column",
            )


def _check_weight_column(spec: JobSpec, columns: dict[str, Column]) -> None:
    name, field = spec.learning.weight_column, "training_job.weight_column"
    if not name:
        return
    _check_column(name, columns, field)
    if name in (spec.target, *spec.learning.targets):
        raise FieldInvalid(f"the target {name!r} can't be the weight column", field=field)
    column = columns[name]
    if column.type not in (ColumnType.INTEGER, ColumnType.FLOAT):
        raise FieldInvalid(
            f"the weight column {name!r} holds {column.type}; weights are numbers", field=field
        )
    if column.missing_count or (column.minimum or 0) < 0:
        raise FieldInvalid(
            f"the weight column {name!r} has values that miss or are negative; fill them in, and 0"
            " leaves a row out",
            field=field,
        )


def _check_column(name: str, columns: dict[str, Column], field: str) -> None:
    if name not in columns:
        known = ", ".join(repr(column) for column in list(columns)[:20])
        raise FieldInvalid(
            f"{field} names the column {name[:100]!r}, which the table lacks; it has {known}",
            field=field,
            details={"column": name[:100]},
        )


def _check_trainer(spec: JobSpec, targets: Sequence[Column], row_count: int) -> Task:
    """Check the trainer with all that is asked of it; return the task."""
    if spec.settings and not spec.trainer:
        raise FieldInvalid(
            "settings belong to a trainer; name the trainer too", field="training_job.trainer"
        )
    task = spec.task or infer_task_of(targets, row_count)
    trainer = catalog.choose_trainer(spec.trainer, task)
    settings = catalog.check_settings(trainer.id, dict(spec.settings))
    check_learning(spec.learning, task, trainer, settings)
    # No fewer rows than these have every target.
    known = row_count - sum(target.missing_count for target in targets)
    if excess := catalog.describe_excess(trainer, int(known * (1 - spec.holdout_fraction))):
        raise FieldInvalid(excess, field="training_job.trainer", details={"trainer": trainer.id})
    return task
