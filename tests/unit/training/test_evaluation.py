from typing import Any

import numpy as np
import pytest

from registry.signature import Task
from training.evaluation import measure, split_rows


def test_every_class_gives_its_share() -> None:
    target = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 20, dtype=object)
    split = split_rows(target, Task.CLASSIFICATION, 0.2, seed=1)
    assert sorted([*split.training, *split.holdout]) == list(range(100))
    counts = np.unique(target[split.holdout], return_counts=True)[1]
    assert np.abs(counts - [10, 6, 4]).max() <= 1


def test_a_class_of_one_row_stays_for_training() -> None:
    target = np.array([0] * 9 + [1])
    for seed in range(20):
        split = split_rows(target, Task.CLASSIFICATION, 0.9, seed)
        assert 9 in split.training
        assert 0 in target[split.training]


def test_there_is_always_a_holdout_row() -> None:
    classes = np.repeat(np.arange(5), 2)
    assert len(split_rows(classes, Task.CLASSIFICATION, 0.001, seed=0).holdout) == 1
    assert len(split_rows(classes * 1.0, Task.REGRESSION, 0.001, seed=0).holdout) == 1
    assert len(split_rows(classes * 1.0, Task.REGRESSION, 0.999, seed=0).training) == 1


def test_the_seed_decides() -> None:
    values = np.arange(100.0)
    first, again, other = (split_rows(values, Task.REGRESSION, 0.2, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.holdout, again.holdout)
    assert not np.array_equal(first.holdout, other.holdout)


class Fixed:
    """A pipeline that says what it is told to."""

    def __init__(self, answers: list[Any], probabilities: list[list[float]] | None = None) -> None:
        self._answers = np.array(answers)
        self._probabilities = np.array(probabilities)
        if probabilities:
            self.classes_ = np.arange(len(probabilities[0]))

    def predict(self, _: object) -> Any:
        return self._answers

    def predict_proba(self, _: object) -> Any:
        return self._probabilities


def _measure(pipeline: Fixed, target: list[Any], task: Task) -> dict[str, float]:
    rows = {"x": np.zeros(len(target))}
    return {m.name: m.value for m in measure(pipeline, rows, np.array(target), task)}


def test_figures_of_values() -> None:
    figures = _measure(Fixed([1.0, 4.0]), [1.0, 2.0], Task.REGRESSION)
    assert figures == {"rmse": pytest.approx(2**0.5), "mae": 1.0, "r2": pytest.approx(-7.0)}
    assert "r2" not in _measure(Fixed([1.0]), [2.0], Task.REGRESSION)


def test_figures_of_two_classes() -> None:
    probabilities = [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]
    figures = _measure(Fixed([0, 1, 1], probabilities), [0, 0, 1], Task.CLASSIFICATION)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["balanced_accuracy"] == pytest.approx(0.75)
    assert figures["f1_macro"] == pytest.approx(2 / 3)
    assert figures["roc_auc"] == 1.0
    assert figures["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8]).mean())


def test_figures_that_the_rows_can_not_give_are_left_out() -> None:
    probabilities = [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]
    figures = _measure(Fixed([0, 2], probabilities), [0, 1], Task.CLASSIFICATION)
    assert "roc_auc" not in figures
    assert figures["balanced_accuracy"] == 0.5


def test_area_under_the_curve_of_three_classes() -> None:
    probabilities = np.eye(3).tolist()
    figures = _measure(Fixed([0, 1, 2], probabilities), [0, 1, 2], Task.CLASSIFICATION)
    assert figures["roc_auc"] == 1.0
