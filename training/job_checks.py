"""What a training job must fulfil before it is taken."""

from registry.errors import FieldInvalid
from training import catalog
from training.columns import Column
from training.evaluation.scheme import check_scheme
from training.job import JobSpec
from training.states import DatasetState
from training.tables import DatasetVersionRow

_MAX_FEATURES = 10_000


def check_spec(spec: JobSpec, table: DatasetVersionRow) -> None:
    """Find what would make a job fail, before there is a job.

    Raises:
        FieldInvalid: Something is not legal; it names the field.
    """
    if table.state != DatasetState.ACTIVE:
        raise FieldInvalid(
            f"version {table.number} of the dataset {spec.dataset_id!r} could not be read and"
            " can't be trained on",
            field="training_job.dataset_version",
        )
    columns = {column.name: column for column in table.columns}
    _check_column(spec.target, columns, "training_job.target")
    _check_features(spec, columns)
    _check_trainer(spec)
    if not 0 < spec.holdout_fraction < 1:
        raise FieldInvalid(
            "holdout_fraction must be over 0 and under 1", field="training_job.holdout_fraction"
        )
    check_scheme(spec.evaluation, columns, spec.target, spec.task)


def _check_features(spec: JobSpec, columns: dict[str, Column]) -> None:
    names = [feature.column for feature in spec.features]
    field = "training_job.features"
    if len(names) > _MAX_FEATURES or len(set(names)) < len(names):
        raise FieldInvalid(
            f"features must be at most {_MAX_FEATURES} different columns", field=field
        )
    for position, name in enumerate(names):
        _check_column(name, columns, f"{field}[{position}].column")
        if name == spec.target:
            raise FieldInvalid(
                f"the target {name!r} can't be a feature", field=f"{field}[{position}].column"
            )


def _check_column(name: str, columns: dict[str, Column], field: str) -> None:
    if name not in columns:
        known = ", ".join(repr(column) for column in list(columns)[:20])
        raise FieldInvalid(
            f"{field} names the column {name[:100]!r}, which the table lacks; it has {known}",
            field=field,
            details={"column": name[:100]},
        )


def _check_trainer(spec: JobSpec) -> None:
    if not spec.trainer:
        if spec.settings:
            raise FieldInvalid(
                "settings belong to a trainer; name the trainer too", field="training_job.trainer"
            )
        return
    trainer = catalog.get_trainer(spec.trainer)
    if spec.task and spec.task not in trainer.tasks:
        raise FieldInvalid(
            f"the trainer {trainer.id!r} can't do {spec.task}", field="training_job.trainer"
        )
    catalog.check_settings(spec.trainer, dict(spec.settings))
