"""Which trainer does what is asked for, and whether its settings are legal."""

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from registry.errors import FieldInvalid
from registry.signature import Task
from training.catalog.settings import Settings
from training.catalog.trainers import TRAINERS, TrainerSpec
from training.errors import TrainerNotFound, TrainerNotInstalled

_FIELD = "training_job.trainer"


def list_trainers() -> list[TrainerSpec]:
    """List the trainers that can be used here, the default of each task first."""
    return [trainer for trainer in TRAINERS.values() if trainer.is_installed]


def find_trainer(trainer_id: str) -> TrainerSpec:
    """Find a trainer, installed or not.

    Raises:
        TrainerNotFound: There is none of that id.
    """
    if trainer := TRAINERS.get(trainer_id):
        return trainer
    raise TrainerNotFound(
        f"there is no trainer {trainer_id[:100]!r}; there are {', '.join(TRAINERS)}",
        details={"trainer": trainer_id[:100]},
    )


def get_trainer(trainer_id: str) -> TrainerSpec:
    """Find the trainer that a job asks for.

    Raises:
        FieldInvalid: There is none of that id.
        TrainerNotInstalled: Its package is not installed here.
    """
    try:
        trainer = find_trainer(trainer_id)
    except TrainerNotFound as error:
        raise FieldInvalid(error.message, field=_FIELD, details=error.details) from None
    if trainer.is_installed:
        return trainer
    raise TrainerNotInstalled(
        f"the trainer {trainer.id!r} needs the package {trainer.package}, which is not installed"
        " here; install modelyard-server[boost] on the server and on every worker, or choose"
        " gradient-boosting",
        details={"trainer": trainer.id, "package": trainer.package},
    )


def choose_trainer(trainer_id: str, task: Task) -> TrainerSpec:
    """Find the trainer asked for, or the task's default for an empty id.

    Raises:
        FieldInvalid: There is none of that id, or it can't do the task.
        TrainerNotInstalled: Its package is not installed here.
    """
    able = [trainer for trainer in list_trainers() if trainer.can_do(task)]
    if not trainer_id:
        return able[0]
    trainer = get_trainer(trainer_id)
    if trainer in able:
        return trainer
    others = ", ".join(other.id for other in able)
    raise FieldInvalid(f"the trainer {trainer_id!r} can't do {task}; {others} can", field=_FIELD)


def describe_excess(trainer: TrainerSpec, rows: int) -> str:
    """Say why a trainer can't learn from so many rows, or nothing if it can."""
    if trainer.max_rows is None or rows <= trainer.max_rows:
        return ""
    return (
        f"the trainer {trainer.id!r} learns from at most {trainer.max_rows} rows, and these are"
        f" {rows}; choose gradient-boosting, or hold more rows out"
    )


def check_settings(trainer_id: str, settings: Mapping[str, JsonValue]) -> Settings:
    """Check a trainer's settings and fill in the defaults.

    Raises:
        FieldInvalid: There is no such trainer or setting, or a value is out of bounds; the
            field is `training_job.settings.<name>`.
        TrainerNotInstalled: Its package is not installed here.
    """
    model = get_trainer(trainer_id).settings
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
    name = ".".join(str(part)[:100] for part in first["loc"])
    known = ", ".join(model.model_fields)
    raise FieldInvalid(
        f"the setting {name!r} of {trainer_id} is not legal: {first['msg']}; settings are {known}",
        field=f"training_job.settings.{name}",
        details={"setting": name},
    )
