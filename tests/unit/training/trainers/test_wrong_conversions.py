"""Conversions that are known to succeed and be wrong elsewhere: here each ends right."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from sklearn.datasets import make_classification

from registry.signature import Task
from tests.support.trainer_cases import QUICK, TARGET, tell_nobody
from tests.unit.training.trainers import graphs
from training.catalog import TRAINERS
from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitOutcome, FitRequest
from training.trainers import FAMILIES

BOOSTED = ["gradient-boosting", "exact-gradient-boosting", "lightgbm", "xgboost"]
TREES = [*BOOSTED, "random-forest", "extra-trees", "decision-tree"]
# Those that take NaN when they are fitted on it.
TAKE_MISSING = [trainer for trainer in TREES if trainer != "exact-gradient-boosting"]


def _fit(frame: pl.DataFrame, trainer: str, folder: Path, **options: Any) -> FitOutcome:
    frame.write_parquet(folder / "table")
    settings = QUICK.get(trainer, {})
    options = {"trainer": trainer, "settings": settings} | options
    request = FitRequest(
        str(folder / "table"), TableFormat.PARQUET, TARGET, **{"with_card": False, **options}
    )
    return fit(request, folder, tell_nobody)


def _assert_no_label_flips(outcome: FitOutcome, rows: int) -> None:
    assert outcome.fault is None
    assert outcome.parity
    assert sum(check.row_count for check in outcome.parity.checks) > rows
    assert sum(check.label_mismatch_count for check in outcome.parity.checks) == 0
    assert max(check.max_difference for check in outcome.parity.checks) < 2e-7


def _make_mixed(rows: int = 600) -> pl.DataFrame:
    """Make a table whose target hangs on categories as much as on numbers, with holes in both."""
    random = np.random.default_rng(11)
    numbers, target = make_classification(rows, 6, n_informative=4, random_state=11)
    kinds = random.choice(np.array(["a", "b", "ß", "longer text"]), rows)
    numbers[random.random(numbers.shape) < 0.15] = np.nan
    frame = pl.DataFrame(numbers, schema=[f"n{index}" for index in range(6)])
    kind = pl.Series("kind", kinds.tolist()).set(pl.Series(random.random(rows) < 0.1), None)
    size = pl.Series("size", random.integers(0, 5, rows).tolist())
    flipped = np.where(np.isin(kinds, ["a", "ß"]), 1 - target, target)
    return frame.with_columns(kind, size, pl.Series(TARGET, flipped))


@pytest.mark.parametrize("trainer", BOOSTED)
def test_boosting_with_categories(trainer: str, tmp_path: Path) -> None:
    """Categories go one-hot into the trees, never as numbers whose order means nothing."""
    _assert_no_label_flips(_fit(_make_mixed(), trainer, tmp_path), 600)
    nodes = onnx.load(tmp_path / "model.onnx").graph.node
    assert "OneHotEncoder" in {node.op_type for node in nodes}


@pytest.mark.parametrize("trainer", ["random-forest", "extra-trees", "decision-tree"])
def test_forests_of_tables_with_missing_numbers(trainer: str, tmp_path: Path) -> None:
    """The graph fills what misses as the pipeline does, before any tree sees it."""
    outcome = _fit(_make_mixed(), trainer, tmp_path)
    _assert_no_label_flips(outcome, 600)
    assert outcome.parity
    assert "missing values" in {check.rows for check in outcome.parity.checks}


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
@pytest.mark.parametrize("trainer", TAKE_MISSING)
def test_trees_fed_missing_numbers_directly(trainer: str, task: Task) -> None:
    """Should features ever let NaN through, every tree sends it where its library does."""
    random = np.random.default_rng(5)
    rows = random.normal(size=(400, 5))
    values = rows[:, 0] + np.where(rows[:, 1] > 0.5, 2, -rows[:, 2])
    rows[random.random(rows.shape) < 0.3] = np.nan
    target = np.digitize(values, [-1, 1]) if task is Task.CLASSIFICATION else values
    settings = {"class_weight": "none"} | QUICK.get(trainer, {})
    estimator = graphs.build(trainer, task, **settings).fit(rows, target)
    wanted = (
        estimator.predict_proba(rows)
        if task is Task.CLASSIFICATION
        else np.reshape(estimator.predict(rows), (-1, 1))
    )
    assert np.isnan(rows).any(axis=1).sum() > 200
    assert np.abs(graphs.score(trainer, estimator, rows) - wanted).max() < 1e-6


def test_lightgbm_takes_missing_numbers_it_never_saw_for_zero() -> None:
    rows = np.random.default_rng(2).normal(size=(300, 3))
    estimator = graphs.build("lightgbm", Task.REGRESSION).fit(rows, rows[:, 0] - rows[:, 1])
    holed = np.where(rows > 1, np.nan, rows)
    wanted = estimator.predict(holed)
    assert np.abs(graphs.score("lightgbm", estimator, holed)[:, 0] - wanted).max() < 1e-6


@pytest.mark.parametrize("trainer", TREES)
def test_no_scaler_stands_before_trees(trainer: str, tmp_path: Path) -> None:
    """Thresholds sit on training values, and the rounding of a scaler would flip them."""
    assert not FAMILIES[trainer].scale
    rows, target = make_classification(600, 8, n_informative=6, random_state=3)
    frame = pl.DataFrame(rows * [1e-3, 1, 1e3, 1e6, 1, 1, 1, 1] + 1e3)
    outcome = _fit(frame.with_columns(pl.Series(TARGET, target)), trainer, tmp_path)
    _assert_no_label_flips(outcome, 600)
    operators = {node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node}
    assert not operators & {"Sub", "Div"}


@pytest.mark.parametrize("trainer", TREES)
def test_numbers_on_and_beside_thresholds(trainer: str) -> None:
    """Decimals that FP32 has no exact number for, on both sides of every threshold."""
    grid = np.round(np.random.default_rng(4).integers(0, 40, size=(500, 3)) * 0.1, 1)
    target = (grid.sum(axis=1) * 10).astype(int) % 3
    settings = QUICK.get(trainer, {})
    estimator = graphs.build(trainer, Task.CLASSIFICATION, **settings).fit(grid, target)
    halves = grid + 0.05
    rows = np.concatenate(
        [grid, halves, *(np.nextafter(grid, end) for end in (-1, 9)), np.nextafter(halves, 9)]
    )
    wanted = estimator.predict_proba(rows)
    found = graphs.score(trainer, estimator, rows)
    assert np.abs(found - wanted).max() < 1e-6
    ahead = np.diff(np.sort(wanted, axis=1)[:, -2:], axis=1)[:, 0] > 1e-9
    assert (found.argmax(axis=1) == wanted.argmax(axis=1))[ahead].all()


def test_every_trainer_of_trees_is_looked_at_here() -> None:
    unscaled = {trainer for trainer, family in FAMILIES.items() if not family.scale}
    assert unscaled == set(TREES)
    assert set(TREES) <= set(TRAINERS)
