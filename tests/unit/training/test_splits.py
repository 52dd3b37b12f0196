from typing import Any

import numpy as np
import polars as pl
import pytest

from registry.errors import FieldInvalid
from registry.signature import Task
from training.columns import Column, ColumnType
from training.evaluation.scheme import Scheme, SplitKind, check_scheme
from training.evaluation.splits import Division, Split, make_division, make_folds, split_rows
from training.refusal import FitRefused

CLASSES, VALUES = Task.CLASSIFICATION, Task.REGRESSION
GROUPED = Scheme(SplitKind.GROUPED, "g")
ORDERED = Scheme(SplitKind.TIME_ORDERED, "t")


def _divide(target: Any, task: Task, seed: int = 0) -> Division:
    return make_division(Scheme(), task, pl.DataFrame(), np.asarray(target), seed)


def _by(scheme: Scheme, keys: list[Any], seed: int = 0, target: Any = None) -> Division:
    values = np.arange(len(keys)) * 1.0 if target is None else np.asarray(target)
    task = VALUES if target is None else CLASSES
    return make_division(scheme, task, pl.DataFrame({scheme.column: keys}), values, seed)


def test_every_class_gives_its_share() -> None:
    target = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 20, dtype=object)
    split = split_rows(_divide(target, CLASSES, 1), 0.2)
    assert sorted([*split.training, *split.holdout]) == list(range(100))
    counts = np.unique(target[split.holdout], return_counts=True)[1]
    assert np.abs(counts - [10, 6, 4]).max() <= 1


def test_a_class_of_one_row_stays_for_training() -> None:
    target = np.array([0] * 8 + [1, 2])
    for seed in range(20):
        split = split_rows(_divide(target, CLASSES, seed), 0.9)
        assert {8, 9} < set(split.training)


def test_there_is_always_a_holdout_row() -> None:
    classes = np.repeat(np.arange(5), 2)
    assert len(split_rows(_divide(classes, CLASSES), 0.001).holdout) == 1
    assert len(split_rows(_divide(classes * 1.0, VALUES), 0.001).holdout) == 1
    assert len(split_rows(_divide(classes * 1.0, VALUES), 0.999).training) == 1


def test_the_seed_decides() -> None:
    values = np.arange(100.0)
    first, again, other = (split_rows(_divide(values, VALUES, seed), 0.2) for seed in (1, 1, 2))
    assert np.array_equal(first.holdout, again.holdout)
    assert not np.array_equal(first.holdout, other.holdout)
    groups = [number % 20 for number in range(100)]
    held = [tuple(split_rows(_by(GROUPED, groups, seed), 0.2).holdout) for seed in range(8)]
    assert len(set(held)) > 1


def _shared(split: Split, keys: list[Any]) -> set[Any]:
    learned = {keys[row] for row in split.training}
    return learned & {keys[row] for row in split.holdout}


def test_no_group_is_ever_divided() -> None:
    random = np.random.default_rng(0)
    keys = [None if number == 3 else f"g{number}" for number in random.integers(0, 25, 200)]
    for seed in range(10):
        division = _by(GROUPED, keys, seed)
        split = split_rows(division, 0.2)
        assert not _shared(split, keys)
        assert len(split.holdout) == pytest.approx(40, abs=12)
        folds = make_folds(division, split.training, 4)
        assert not any(_shared(fold, keys) for fold in folds)
        held = np.concatenate([fold.holdout for fold in folds])
        assert sorted(held) == split.training.tolist()


def test_nothing_evaluated_is_older_than_what_was_learned_from() -> None:
    random = np.random.default_rng(1)
    times: list[Any] = random.integers(0, 40, 300).tolist()
    division = _by(ORDERED, times)
    split = split_rows(division, 0.25)
    parts = [split, *make_folds(division, split.training, 5)]
    for part in parts:
        learned, held = ([times[row] for row in rows] for rows in (part.training, part.holdout))
        assert max(learned) < min(held)  # rows of one time are on one side
    assert len(split.holdout) == pytest.approx(75, abs=10)
    sizes = [len(part.training) for part in parts[1:]]
    assert sizes == sorted(sizes)
    # Every fold but the oldest part is evaluated once.
    evaluated = np.concatenate([part.holdout for part in parts[1:]])
    assert sorted([*parts[1].training, *evaluated]) == split.training.tolist()


def test_folds_in_time_bear_one_time_that_has_most_rows() -> None:
    for common in (0, 2, 4):
        times = [0, 1, 2, 3, 4, *[common] * 100]
        folds = make_folds(_by(ORDERED, times), np.arange(105), 4)
        assert all(len(fold.training) and len(fold.holdout) for fold in folds)


def test_rows_without_a_time_are_the_oldest() -> None:
    split = split_rows(_by(ORDERED, [None, 5, None, 3, 4, 9]), 0.3)
    assert {0, 2} < set(split.training)
    assert 5 in split.holdout


@pytest.mark.parametrize(
    ("division", "folds"),
    [
        (_by(GROUPED, ["a"] * 20), 0),
        (_by(ORDERED, [7] * 20), 0),
        (_by(GROUPED, ["a", "b", "c"] * 6), 3),
        (_by(ORDERED, [1, 2, 3] * 6), 3),
        (_by(ORDERED, list(range(20)), target=["a"] * 16 + ["b"] * 4), 0),
        (_by(ORDERED, list(range(20)), target=["a"] * 10 + ["b"] * 10), 5),
        (_divide(["a", "b"] * 10, CLASSES), 18),
    ],
)
def test_rows_that_can_not_be_divided_are_refused(division: Division, folds: int) -> None:
    with pytest.raises(FitRefused) as refused:  # noqa: PT012  which of the two refuses is open
        split = split_rows(division, 0.2)
        make_folds(division, split.training, folds)
    assert refused.value.fault.reason == "SPLIT_INVALID"


COLUMNS = {
    name: Column(name, kind, 0, 5)
    for name, kind in {
        "y": ColumnType.TEXT, "g": ColumnType.TEXT, "t": ColumnType.TIME, "x": ColumnType.FLOAT
    }.items()
}  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "field"),
    [
        (Scheme(folds=1), "folds"),
        (Scheme(folds=21), "folds"),
        (Scheme(folds=-3), "folds"),
        (Scheme(SplitKind.GROUPED), "split_column"),
        (Scheme(column="g"), "split_column"),
        (Scheme(SplitKind.RANDOM, "g"), "split_column"),
        (Scheme(SplitKind.GROUPED, "nowhere"), "split_column"),
        (Scheme(SplitKind.GROUPED, "y"), "split_column"),
        (Scheme(SplitKind.TIME_ORDERED, "g"), "split_column"),
        (Scheme(segment="nowhere"), "segment_column"),
        (Scheme(SplitKind.STRATIFIED), "split"),
    ],
)
def test_what_is_not_legal_names_its_field(scheme: Scheme, field: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        check_scheme(scheme, COLUMNS, {"y"}, VALUES)
    assert refused.value.field == f"training_job.evaluation.{field}"


def test_what_is_legal_passes() -> None:
    for scheme in (
        Scheme(),
        Scheme(SplitKind.TIME_ORDERED, "t", 5, "g"),
        Scheme(SplitKind.TIME_ORDERED, "x"),
        Scheme(SplitKind.GROUPED, "g", 20),
    ):
        check_scheme(scheme, COLUMNS, {"y"}, VALUES)
