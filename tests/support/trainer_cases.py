"""Real tables that every trainer is held to, and fits on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from sklearn import datasets

from registry.signature import Task
from server.demo.tour import penguins_file
from training.catalog import TRAINERS
from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitOutcome, FitProgress, FitRequest

TARGET = "the target"

# Less work than by default where the default takes long: what is looked at is agreement.
QUICK: Mapping[str, dict[str, Any]] = {
    "gradient-boosting": {"iterations": 20},
    "exact-gradient-boosting": {"iterations": 20},
    "lightgbm": {"iterations": 20},
    "xgboost": {"iterations": 20},
    "random-forest": {"trees": 25},
    "extra-trees": {"trees": 15, "max_depth": 10},
    "mlp": {"hidden_layers": [16, 8], "learning_rate": 0.01, "max_iterations": 100},
}


@dataclass(frozen=True, slots=True)
class Case:
    """A table and what is predicted from it.

    Attributes:
        name: What tests and tables call it.
        kind: `binary`, `multiclass` or `regression`.
        load: Reads the table, whose target is the column `TARGET`.
    """

    name: str
    kind: str
    load: Callable[[], pl.DataFrame]

    @property
    def task(self) -> Task:
        """What trainers call it."""
        return Task.REGRESSION if self.kind == "regression" else Task.CLASSIFICATION


@cache
def _load_penguins(target: str) -> pl.DataFrame:
    return pl.read_csv(penguins_file(), null_values=["NA"]).rename({target: TARGET})


@cache
def _load_bunch(name: str) -> pl.DataFrame:
    bunch = getattr(datasets, f"load_{name}")()
    frame = pl.DataFrame(bunch.data, schema=[str(column) for column in bunch.feature_names])
    return frame.with_columns(pl.Series(TARGET, bunch.target))


def _load_breast_cancer() -> pl.DataFrame:
    """Read the means of it alone: thirty columns make very many edge rows."""
    frame = _load_bunch("breast_cancer")
    return frame.select(*frame.columns[:10], TARGET).head(300)


CASES = (
    Case("breast cancer", "binary", _load_breast_cancer),
    Case("penguins' sex", "binary", lambda: _load_penguins("sex")),
    Case("penguins' species", "multiclass", lambda: _load_penguins("species")),
    Case("iris", "multiclass", lambda: _load_bunch("iris")),
    Case("wine", "multiclass", lambda: _load_bunch("wine")),
    Case("penguins' mass", "regression", lambda: _load_penguins("body_mass_g")),
    Case("diabetes", "regression", lambda: _load_bunch("diabetes")),
)

WAYS = [
    (trainer.id, case)
    for trainer in TRAINERS.values()
    for case in CASES
    if case.task in trainer.tasks
]


def fit_case(
    trainer: str, case: Case, folder: Path, told: list[FitProgress] | None = None, **options: Any
) -> FitOutcome:
    """Fit a trainer on a table; the version's files land in the folder.

    Args:
        trainer: Its id.
        case: The table.
        folder: Where to.
        told: Gets the progress.
        options: Of the request; `settings` are the quick ones unless given.
    """
    table = folder / "table.parquet"
    case.load().write_parquet(table)
    usual: dict[str, Any] = {"settings": QUICK.get(trainer, {}), "task": case.task}
    # Plots and cards take a second, and have tests of their own.
    options = usual | {"with_card": False} | options
    request = FitRequest(str(table), TableFormat.PARQUET, TARGET, trainer=trainer, **options)
    return fit(request, folder, tell_nobody if told is None else told.append)


def tell_nobody(_: FitProgress) -> None:
    """Take the progress of a fit that no test looks at."""
