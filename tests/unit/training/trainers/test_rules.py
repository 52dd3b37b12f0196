"""Rules that trainers follow where a library leaves something open, and their bounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from registry.signature import Task
from tests.support.trainer_cases import CASES, TARGET, fit_case, tell_nobody
from tests.unit.training.trainers import graphs
from training.catalog import TRAINERS
from training.catalog import trainers as catalog_trainers
from training.columns import TableFormat
from training.fit import fit
from training.fitting import FitOutcome, FitProgress, FitRequest
from training.refusal import FitRefused
from training.trainers import held_rows

PENGUINS = next(case for case in CASES if case.name == "penguins' species")


def _fit(frame: pl.DataFrame, trainer: str, folder: Path, task: Task) -> FitOutcome:
    frame.write_parquet(folder / "table")
    path = str(folder / "table")
    request = FitRequest(
        path, TableFormat.PARQUET, TARGET, trainer=trainer, task=task, with_card=False
    )
    return fit(request, folder, tell_nobody)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_of_equally_far_neighbours_the_first_rows_answer(weights: str) -> None:
    rows = np.array([[1.0], [-1.0], [1.0], [-1.0], [3.0], [3.0]])
    target = np.array(["a", "b", "c", "d", "e", "f"])
    settings = {"neighbors": 2, "weights": weights}
    estimator = graphs.build("k-nearest-neighbors", Task.CLASSIFICATION, **settings)
    estimator.fit(rows, target)
    asked = np.array([[0.0], [3.0], [1e30], [2.0]])
    nearest = estimator.predict_proba(asked)
    assert [set(target[row > 0]) for row in nearest] == [
        {"a", "b"}, {"e", "f"}, {"a", "b"}, {"a", "c"}
    ]  # fmt: skip
    # Of classes with equal shares the first is the label.
    assert estimator.predict(asked).tolist() == ["a", "e", "a", "a"]
    assert (graphs.score("k-nearest-neighbors", estimator, asked) == nearest).all()


def test_many_ties_are_broken_alike_by_pipeline_and_graph() -> None:
    """On a grid nearly all distances tie, and copies of rows have different classes."""
    random = np.random.default_rng(8)
    rows = random.integers(0, 4, size=(400, 4)) / 3
    target = random.integers(0, 3, 400)
    asked = np.concatenate([rows, random.integers(-1, 6, size=(600, 4)) / 3])
    for settings in ({"neighbors": 4}, {"neighbors": 7, "weights": "distance"}):
        estimator = graphs.build("k-nearest-neighbors", Task.CLASSIFICATION, **settings)
        estimator.fit(rows, target)
        found = graphs.score("k-nearest-neighbors", estimator, asked)
        assert (found == estimator.predict_proba(asked)).all()
        # The table does tie: scikit-learn's searches differ from each other on it.
        trees = KNeighborsClassifier(4, algorithm="kd_tree").fit(rows, target)
        brute = KNeighborsClassifier(4, algorithm="brute").fit(rows, target)
        assert (trees.predict_proba(asked) != brute.predict_proba(asked)).any()


def test_a_small_table_gives_all_its_neighbours() -> None:
    rows = np.array([[0.0], [1.0], [2.0]])
    estimator = graphs.build("k-nearest-neighbors", Task.REGRESSION, neighbors=1000)
    estimator.fit(rows, np.array([1.0, 2.0, 6.0]))
    assert graphs.score("k-nearest-neighbors", estimator, rows).tolist() == [[3.0]] * 3


def test_support_vectors_answer_with_the_most_probable_class() -> None:
    rows, target = load_breast_cancer(return_X_y=True)
    estimator = graphs.build("svm", Task.CLASSIFICATION).fit(rows, target)
    probabilities = estimator.predict_proba(rows)
    assert (estimator.predict(rows) == probabilities.argmax(axis=1)).all()
    # What the machine itself says differs, since its own threshold is not the sigmoid's.
    (calibrated,) = estimator.calibrated_.calibrated_classifiers_
    assert (calibrated.estimator.predict(rows) != estimator.predict(rows)).any()


def test_rows_far_from_everything_have_probabilities_that_add_up_to_one() -> None:
    rows = np.array([[-1.0], [1.0]] * 20)
    target = np.array([0, 1] * 20)
    far = np.array([[1e30]])
    estimator = graphs.build("naive-bayes", Task.CLASSIFICATION).fit(rows, target)
    assert estimator.predict_proba(far).tolist() == [[0.5, 0.5]]
    assert graphs.score("naive-bayes", estimator, far).tolist() == [[0.5, 0.5]]
    own = GaussianNB(var_smoothing=1e-2).fit(rows, target)
    assert own.predict_proba(far).sum() == 2


def test_thousands_of_xgboost_trees_are_added_up_without_error() -> None:
    rows, target = load_breast_cancer(return_X_y=True)
    estimator = graphs.build("xgboost", Task.CLASSIFICATION, iterations=2000).fit(rows, target)
    wanted = estimator.predict_proba(rows)
    assert np.abs(graphs.score("xgboost", estimator, rows) - wanted).max() < 2e-7
    own = estimator.model_.model_
    assert isinstance(own, xgboost.XGBClassifier)
    assert 1e-7 < np.abs(own.predict_proba(rows) - wanted).max() < 1e-3


@pytest.mark.parametrize("trainer", ["xgboost", "svm", "mlp"])
def test_values_far_from_zero_beside_their_spread_are_learned(trainer: str, tmp_path: Path) -> None:
    x = np.linspace(0, 1, 200)
    frame = pl.DataFrame({"x": x, TARGET: 1e6 + x})
    outcome = _fit(frame, trainer, tmp_path, Task.REGRESSION)
    assert outcome.fault is None
    figures = {metric.name: metric.value for metric in outcome.metrics}
    assert figures["r2"] > 0.9


def test_balanced_weights_raise_the_rare_class() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(300, 3))
    target = (rows[:, 0] + random.normal(size=300) > 1.8).astype(int)
    for trainer in ("xgboost", "mlp", "naive-bayes", "exact-gradient-boosting", "lightgbm"):
        plain, balanced = (
            graphs.build(trainer, Task.CLASSIFICATION, class_weight=weight)
            .fit(rows, target)
            .predict_proba(rows)[:, 1]
            .mean()
            for weight in ("none", "balanced")
        )
        assert balanced > plain * 1.05, trainer


def test_a_class_of_one_row_is_refused_by_support_vectors(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": range(60), TARGET: ["a", "b"] * 29 + ["b", "c"]})
    outcome = _fit(frame, "svm", tmp_path, Task.CLASSIFICATION)
    assert outcome.fault
    assert outcome.fault.reason == "CLASS_TOO_SMALL"
    assert "'c'" in outcome.fault.message
    assert "logistic-regression" in outcome.fault.message
    assert _fit(frame, "mlp", tmp_path, Task.CLASSIFICATION).fault is None


@pytest.mark.parametrize("trainer", ["k-nearest-neighbors", "svm"])
def test_too_many_rows_are_refused_with_a_replacement(
    trainer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in TRAINERS[trainer].tasks:
        few = replace(TRAINERS[trainer], max_rows=100)
        monkeypatch.setitem(catalog_trainers.TRAINERS, trainer, few)
        told: list[FitProgress] = []
        case = next(case for case in CASES if case.task is task)
        outcome = fit_case(trainer, case, tmp_path, told)
        assert outcome.fault
        assert outcome.fault.reason == "TOO_MANY_ROWS"
        assert "gradient-boosting" in outcome.fault.message
        assert "fit" not in {progress.stage for progress in told}


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
@pytest.mark.parametrize("trainer", ["k-nearest-neighbors", "svm"])
def test_too_many_cells_are_refused(
    trainer: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_rows, "MAX_CELLS", 100)
    estimator = graphs.build(trainer, task)
    with pytest.raises(FitRefused, match="at most 100 cells") as caught:
        estimator.fit(np.ones((51, 2)), np.arange(51) % 2)
    assert caught.value.fault.reason == "TABLE_TOO_LARGE"


@pytest.mark.parametrize(
    ("trainer", "settings"),
    [
        ("mlp", {"max_iterations": 2}),
        ("svm", {"max_iterations": 2}),
        ("logistic-regression", {"max_iterations": 1}),
        ("logistic-regression", {"max_iterations": 1, "l1_ratio": 1.0}),
    ],
)
def test_a_solver_that_stops_early_says_so_and_is_served_as_it_is(
    trainer: str, settings: dict[str, object], tmp_path: Path
) -> None:
    told: list[FitProgress] = []
    outcome = fit_case(trainer, PENGUINS, tmp_path, told, settings=settings)
    assert outcome.fault is None
    assert any("warning" in progress.message for progress in told)
