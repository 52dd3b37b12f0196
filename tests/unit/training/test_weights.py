"""Rows and classes that count more than others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from registry.errors import FieldInvalid
from registry.signature import Task
from tests.unit.training.splitting import split_as_usual
from training.catalog import TRAINERS, check_settings
from training.features import Array
from training.fitting import FitOutcome, FitProgress
from training.learning import Learning, check_learning
from training.trainers import FAMILIES

Fit = Callable[..., FitOutcome]
RANDOM = np.random.default_rng(5)
ROWS = 200
X = RANDOM.normal(size=ROWS).round(3)
TABLE = pl.DataFrame(
    {
        "x": X,
        "kind": np.where(X + RANDOM.normal(size=ROWS) > 0, "b", "a"),
        "count": RANDOM.integers(1, 4, size=ROWS),
    }
)
LOGISTIC = {"trainer": "logistic-regression"}


def _answer(folder: Path, x: Array) -> Any:
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    return session.run(None, {"x": x[:, np.newaxis].astype(np.float32)})[-1]


@pytest.mark.parametrize("trainer", TRAINERS)
def test_a_trainer_says_truly_whether_rows_may_have_weights(trainer: str) -> None:
    spec = TRAINERS[trainer]
    for task in spec.tasks:
        estimator = FAMILIES[trainer].build(check_settings(trainer, {}), task, 0)
        assert has_fit_parameter(estimator, "sample_weight") is spec.takes_weights


def test_a_row_that_counts_thrice_is_three_rows(run_fit: Fit, tmp_path: Path) -> None:
    learning = Learning(weight_column="count")
    outcome = run_fit(TABLE, "kind", learning=learning, seed=2, **LOGISTIC)
    assert outcome.fault is None
    assert outcome.signature
    assert [spec.name for spec in outcome.signature.inputs] == ["x"]
    assert outcome.parameters["weight_column"] == "count"

    kinds, counts = TABLE["kind"].to_numpy(), TABLE["count"].to_numpy()
    split = split_as_usual(kinds, Task.CLASSIFICATION, 2)
    x = StandardScaler().fit(X[split.training, None]).transform(X[:, None])
    often = np.repeat(split.training, counts[split.training])
    model = LogisticRegression(max_iter=1000).fit(x[often], kinds[often])
    np.testing.assert_allclose(_answer(tmp_path, X), model.predict_proba(x), atol=1e-4)

    often = np.repeat(split.holdout, counts[split.holdout])
    figures = {metric.name: metric.value for metric in outcome.metrics}
    assert figures["accuracy"] == pytest.approx(model.score(x[often], kinds[often]))


def test_rows_of_weight_0_are_as_if_they_were_not_there(
    run_fit: Fit, tmp_path: Path, told: list[FitProgress]
) -> None:
    nothing = TABLE.head(30).with_columns(
        pl.lit(0, pl.Int64).alias("count"), pl.lit("c").alias("kind")
    )
    made = []
    for table in (TABLE, pl.concat([TABLE, nothing])):
        outcome = run_fit(table, "kind", learning=Learning(weight_column="count"), **LOGISTIC)
        made.append((tmp_path / "model.onnx").read_bytes())
        assert outcome.classes == ("a", "b")
    assert made[0] == made[1]
    assert "30 rows of weight 0 are left out" in [it.message for it in told]


@pytest.mark.parametrize("trainer", ["logistic-regression", "gradient-boosting", "random-forest"])
def test_weights_of_classes_are_those_of_their_rows(
    run_fit: Fit, tmp_path: Path, trainer: str
) -> None:
    by_row = TABLE.with_columns(count=pl.when(pl.col("kind") == "b").then(4).otherwise(1))
    made = []
    for table, learning in (
        (TABLE.drop("count"), Learning(class_weights={"b": 4.0})),
        (by_row, Learning(weight_column="count")),
    ):
        outcome = run_fit(table, "kind", trainer=trainer, learning=learning)
        assert outcome.fault is None
        made.append((tmp_path / "model.onnx").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("value", [None, -1.0, float("nan"), float("inf"), 1e-12, 1e12])
def test_what_is_no_weight_is_refused(run_fit: Fit, value: float | None) -> None:
    weights = pl.Series("count", [value, *[1.0] * (ROWS - 1)], dtype=pl.Float64)
    outcome = run_fit(TABLE.with_columns(weights), "kind", learning=Learning(weight_column="count"))
    assert outcome.fault
    assert outcome.fault.reason == "WEIGHTS_INVALID"
    assert "row 1" in outcome.fault.message


@pytest.mark.parametrize(
    ("learning", "word"),
    [
        (Learning(weight_column="kind"), "numbers"),
        (Learning(weight_column="none"), "not in the table"),
        (Learning(class_weights={"z": 1.0}), "'a', 'b'"),
    ],
)
def test_weights_without_numbers_or_classes_are_refused(
    run_fit: Fit, learning: Learning, word: str
) -> None:
    outcome = run_fit(TABLE, "kind", learning=learning)
    assert outcome.fault
    assert outcome.fault.reason == "WEIGHTS_INVALID"
    assert word in outcome.fault.message


def test_a_trainer_that_can_not_weigh_names_those_that_can() -> None:
    spec = TRAINERS["logistic-regression"]
    settings = check_settings(spec.id, {})
    for learning in (Learning(weight_column="count"), Learning(class_weights={"a": 2.0})):
        with pytest.raises(FieldInvalid, match=r"can't weigh rows; .*random-forest"):
            check_learning(learning, spec.tasks[0], replace(spec, takes_weights=False), settings)
    balanced = check_settings(spec.id, {"class_weight": "balanced"})
    with pytest.raises(FieldInvalid, match="weighs classes already"):
        check_learning(Learning(class_weights={"a": 2.0}), spec.tasks[0], spec, balanced)
