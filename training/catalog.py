"""The trainers there are and their settings; what a server tells and checks without them.

A new trainer is an entry here and a file in `training/trainers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from registry.errors import FieldInvalid
from registry.signature import Task

_BOTH = (Task.CLASSIFICATION, Task.REGRESSION)


class Settings(BaseModel):
    """What every trainer's settings have in common: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Regularization = Annotated[
    float,
    Field(ge=1e-6, le=1e6, description="How strongly coefficients are held near zero."),
]
ClassWeight = Annotated[
    Literal["none", "balanced"],
    Field(description="balanced lets every class count alike, however rare; classification only."),
]


class LogisticRegressionSettings(Settings):
    """Settings of `logistic-regression`."""

    regularization: Regularization = 1.0
    class_weight: ClassWeight = "none"
    max_iterations: int = Field(1000, ge=1, le=100_000, description="Steps of the solver at most.")


class LinearRegressionSettings(Settings):
    """Settings of `linear-regression`."""

    regularization: Regularization = 1.0


class RandomForestSettings(Settings):
    """Settings of `random-forest`."""

    trees: int = Field(100, ge=1, le=1000, description="How many trees.")
    # Without a bound the file grows with the table, to hundreds of megabytes.
    max_depth: int = Field(16, ge=1, le=64, description="Decisions from root to leaf at most.")
    min_samples_leaf: int = Field(1, ge=1, le=1_000_000, description="Rows in a leaf at least.")
    class_weight: ClassWeight = "none"


class GradientBoostingSettings(Settings):
    """Settings of `gradient-boosting`."""

    iterations: int = Field(100, ge=1, le=2000, description="Rounds; a tree per class in each.")
    learning_rate: float = Field(0.1, gt=0, le=1, description="How much of each tree is taken.")
    max_leaves: int = Field(31, ge=2, le=1024, description="Leaves of a tree at most.")
    min_samples_leaf: int = Field(20, ge=1, le=1_000_000, description="Rows in a leaf at least.")
    regularization: float = Field(0.0, ge=0, le=1e6, description="L2 penalty of leaf values.")
    class_weight: ClassWeight = "none"


@dataclass(frozen=True, slots=True)
class TrainerSpec:
    """One trainer.

    Attributes:
        id: Its key in `TRAINERS`.
        description: For people.
        tasks: What it can do for one target.
        settings: The model of its settings; every field has a default.
        takes_weights: Whether rows may count more or less than others.
    """

    id: str
    description: str
    tasks: tuple[Task, ...]
    settings: type[Settings]
    takes_weights: bool = True

    def can_do(self, task: Task) -> bool:
        """Tell whether it can do a task; several targets are learned one by one."""
        return task.of_one_target in self.tasks


_ALL = (
    TrainerSpec(
        "logistic-regression",
        "Logistic regression on standardized numbers and one-hot categories.",
        (Task.CLASSIFICATION,),
        LogisticRegressionSettings,
    ),
    TrainerSpec(
        "linear-regression",
        "Linear regression (ridge) on standardized numbers and one-hot categories.",
        (Task.REGRESSION,),
        LinearRegressionSettings,
    ),
    TrainerSpec(
        "gradient-boosting",
        "Boosted trees on histograms: accurate on most tables, fast on large ones.",
        _BOTH,
        GradientBoostingSettings,
    ),
    TrainerSpec(
        "random-forest",
        "A forest of trees on random samples: robust, needs little tuning.",
        _BOTH,
        RandomForestSettings,
    ),
)

TRAINERS: dict[str, TrainerSpec] = {trainer.id: trainer for trainer in _ALL}
"""Every trainer by id, the default of each task first."""


def get_trainer(trainer_id: str) -> TrainerSpec:
    """Find a trainer.

    Raises:
        FieldInvalid: There is none of that id.
    """
    if trainer := TRAINERS.get(trainer_id):
        return trainer
    raise FieldInvalid(
        f"there is no trainer {trainer_id[:100]!r}; there are {', '.join(TRAINERS)}",
        field="training_job.trainer",
        details={"trainer": trainer_id[:100]},
    )


def choose_trainer(trainer_id: str, task: Task) -> TrainerSpec:
    """Find the trainer asked for, or the task's default for an empty id.

    Raises:
        FieldInvalid: There is none of that id, or it can't do the task.
    """
    if not trainer_id:
        return next(trainer for trainer in _ALL if trainer.can_do(task))
    trainer = get_trainer(trainer_id)
    if not trainer.can_do(task):
        able = ", ".join(other.id for other in _ALL if other.can_do(task))
        raise FieldInvalid(
            f"the trainer {trainer_id!r} can't do {task}; {able} can", field="training_job.trainer"
        )
    return trainer


def check_settings(trainer_id: str, settings: Mapping[str, JsonValue]) -> Settings:
    """Check a trainer's settings and fill in the defaults.

    Raises:
        FieldInvalid: There is no such trainer or setting, or a value is out of bounds; the
            field is `training_job.settings.<name>`.
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
