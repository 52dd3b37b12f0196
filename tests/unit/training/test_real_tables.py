"""Real tables of every kind of task, against the same pipeline written by hand.

What is served, by the class that serves, is what the fitted pipeline says; and the pipeline is as
good on the held-out rows as one that is put together from scikit-learn's own parts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets, metrics
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry.signature import Task
from serving.onnx_model import OnnxModel
from training import fit as fit_module
from training.features import to_frame
from training.fitting import FitOutcome, FitRequest
from training.learning import Learning
from training.parity import predict
from training.plan import Examples, Plan, Report

Fit = Callable[..., FitOutcome]
BINARY = LogisticRegression(max_iter=1000)


@dataclass(frozen=True)
class Case:
    """A table, and an estimator by trainer and by hand.

    Attributes:
        name: Of the table.
        targets: The columns to predict.
        trainer: The trainer.
        by_hand: The same from scikit-learn.
        settings: What makes both the same.
    """

    name: str
    targets: tuple[str, ...]
    trainer: str
    by_hand: Any
    settings: dict[str, int]

    def __str__(self) -> str:
        return f"{self.name}-{self.trainer}"


CASES = [
    Case("breast_cancer", ("y",), "logistic-regression", BINARY, {}),
    Case("iris", ("y",), "logistic-regression", BINARY, {}),
    Case(
        "wine",
        ("y",),
        "random-forest",
        RandomForestClassifier(50, max_depth=16, random_state=0),
        {"trees": 50},
    ),
    Case(
        "digits",
        ("y",),
        "random-forest",
        RandomForestClassifier(30, max_depth=16, random_state=0),
        {"trees": 30},
    ),
    Case("penguins", ("species",), "logistic-regression", BINARY, {}),
    Case(
        "penguins",
        ("heavy", "male"),
        "logistic-regression",
        MultiOutputClassifier(BINARY),
        {},
    ),
    Case("diabetes", ("y",), "linear-regression", Ridge(), {}),
    Case(
        "penguins",
        ("body_mass_g",),
        "gradient-boosting",
        HistGradientBoostingRegressor(max_iter=30, early_stopping=False),
        {"iterations": 30},
    ),
    Case("linnerud", ("Weight", "Waist", "Pulse"), "linear-regression", Ridge(), {}),
]


def _load(case: Case, penguins_path: Path) -> pl.DataFrame:
    if case.name == "penguins":
        frame = pl.read_csv(penguins_path, null_values="NA")
        if len(case.targets) == 1:
            return frame
        heavy, male = pl.col("body_mass_g") > 4200, pl.col("sex") == "male"
        return frame.with_columns(heavy=heavy, male=male).drop("body_mass_g", "sex")
    bunch = getattr(datasets, f"load_{case.name}")()
    frame = pl.DataFrame(bunch.data, schema=[str(name) for name in bunch.feature_names])
    targets = bunch.target.reshape(len(frame), -1)
    return frame.hstack(pl.DataFrame(targets, schema=list(case.targets)))


def _fit_by_hand(case: Case, examples: Examples) -> Any:
    rows, target = examples.select(examples.split.training)
    texts = [name for name, values in rows.items() if values.dtype == object]
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    others = [name for name in rows if name not in texts]
    features = make_column_transformer((encoder, texts), (numbers, others))
    return make_pipeline(features, case.by_hand).fit(to_frame(rows), target)


def _score(task: Task | None, target: Any, answers: Any) -> float:
    if task is Task.REGRESSION:
        return float(metrics.r2_score(target, answers))
    if task is Task.MULTILABEL_CLASSIFICATION:
        return float(metrics.f1_score(target, answers, average="micro"))
    return float(metrics.accuracy_score(target, answers))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_real_tables_are_served_as_fitted_and_as_good_as_by_hand(
    run_fit: Fit,
    penguins_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: Case,
) -> None:
    fitted: list[tuple[Any, Examples]] = []
    fit_pipeline = fit_module._fit_pipeline

    def keep(request: FitRequest, plan: Plan, examples: Examples, report: Report) -> Any:
        fitted.append((fit_pipeline(request, plan, examples, report), examples))
        return fitted[0][0]

    monkeypatch.setattr(fit_module, "_fit_pipeline", keep)
    outcome = run_fit(
        _load(case, penguins_path),
        case.targets[0],
        trainer=case.trainer,
        settings=case.settings,
        learning=Learning(case.targets if len(case.targets) > 1 else ()),
    )
    assert outcome.fault is None
    assert outcome.signature
    ((pipeline, examples),) = fitted

    served = OnnxModel((tmp_path / "model.onnx").read_bytes(), outcome.signature)
    outputs = [spec.name for spec in outcome.signature.outputs]
    feeds = {name: values[:, np.newaxis] for name, values in examples.rows.items()}
    answers = served.run(feeds, outputs)
    wanted = predict(pipeline, examples.rows)
    if outcome.task is not Task.REGRESSION:
        assert (answers[0] == wanted.labels).all()
    scale = np.abs(wanted.numbers).max(axis=0)
    np.testing.assert_allclose(answers[-1] / scale, wanted.numbers / scale, atol=1e-5)

    holdout = examples.split.holdout
    rows, target = examples.select(holdout)
    ours = _score(outcome.task, target, answers[0][holdout].reshape(target.shape))
    by_hand = _score(outcome.task, target, _fit_by_hand(case, examples).predict(to_frame(rows)))
    assert ours >= by_hand - 0.01, (ours, by_hand)
