"""The list of trainers."""

from dataclasses import dataclass
from importlib.util import find_spec

from registry.signature import Task
from training.catalog import settings
from training.catalog.settings import Settings

_CLASSES = (Task.CLASSIFICATION,)
_VALUES = (Task.REGRESSION,)
_BOTH = (Task.CLASSIFICATION, Task.REGRESSION)
# Their graphs hold training rows, and every row that is served is compared with all of them.
_MOST_HELD_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class TrainerSpec:
    """One trainer.

    Attributes:
        id: Its key in `TRAINERS`.
        description: For people.
        tasks: What it can do for one target.
        settings: The model of its settings; every field has a default.
        package: The package that must be installed beside the server's own; mostly none.
        max_rows: How many rows it can learn from; None if there is no bound.
        takes_weights: Whether rows may count more or less than others.
    """

    id: str
    description: str
    tasks: tuple[Task, ...]
    settings: type[Settings]
    package: str = ""
    max_rows: int | None = None
    takes_weights: bool = True

    @property
    def is_installed(self) -> bool:
        """Whether it can be used here."""
        return not self.package or find_spec(self.package) is not None

    def can_do(self, task: Task) -> bool:
        """Tell whether it can do a task; several targets are learned one by one."""
        return task.of_one_target in self.tasks


_ALL = (
    TrainerSpec(
        "logistic-regression",
        "Logistic regression on standardized numbers and one-hot categories, with elastic net.",
        _CLASSES,
        settings.LogisticRegressionSettings,
    ),
    TrainerSpec(
        "linear-regression",
        "Linear regression on standardized numbers and one-hot categories: ridge, lasso or"
        " elastic net.",
        _VALUES,
        settings.LinearRegressionSettings,
    ),
    TrainerSpec(
        "gradient-boosting",
        "Boosted trees on histograms: accurate on most tables, fast on large ones.",
        _BOTH,
        settings.GradientBoostingSettings,
    ),
    TrainerSpec(
        "exact-gradient-boosting",
        "Boosted trees that try every threshold: for small tables, slow on large ones.",
        _BOTH,
        settings.ExactGradientBoostingSettings,
    ),
    TrainerSpec(
        "random-forest",
        "A forest of trees on random samples: robust, needs little tuning.",
        _BOTH,
        settings.ForestSettings,
    ),
    TrainerSpec(
        "extra-trees",
        "A forest of trees with random thresholds: smoother and faster to fit than random-forest.",
        _BOTH,
        settings.ForestSettings,
    ),
    TrainerSpec(
        "decision-tree",
        "One tree: less accurate than many, and can be read.",
        _BOTH,
        settings.DecisionTreeSettings,
    ),
    TrainerSpec(
        "k-nearest-neighbors",
        "The average of the most similar training rows, which the model holds.",
        _BOTH,
        settings.NearestNeighborsSettings,
        max_rows=_MOST_HELD_ROWS,
        takes_weights=False,
    ),
    TrainerSpec(
        "svm",
        "Support vectors, linear or with a Gaussian kernel; probabilities by a sigmoid that is"
        " fitted on held-out folds.",
        _BOTH,
        settings.SupportVectorSettings,
        max_rows=_MOST_HELD_ROWS,
    ),
    TrainerSpec(
        "naive-bayes",
        "A Gaussian per class and column: fits at once, and ignores that columns go together.",
        _CLASSES,
        settings.NaiveBayesSettings,
    ),
    TrainerSpec(
        "mlp",
        "A neural network of dense layers on standardized numbers and one-hot categories.",
        _BOTH,
        settings.PerceptronSettings,
    ),
    TrainerSpec(
        "lightgbm",
        "Boosted trees by LightGBM, which grow leaf by leaf.",
        _BOTH,
        settings.LightgbmSettings,
        package="lightgbm",
    ),
    TrainerSpec(
        "xgboost",
        "Boosted trees by XGBoost, which grow level by level.",
        _BOTH,
        settings.XgboostSettings,
        package="xgboost",
    ),
)

TRAINERS: dict[str, TrainerSpec] = {trainer.id: trainer for trainer in _ALL}
"""Every trainer by id, those that are not installed too, the default of each task first."""
