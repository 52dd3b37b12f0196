"""The served graph against a pipeline that is fitted by hand with scikit-learn."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from registry.signature import Task
from tests.support.trainer_cases import CASES, QUICK, TARGET, Case, fit_case
from tests.unit.training.splitting import split_as_usual
from tests.unit.training.trainers import hand_fitted
from training.trainers import FAMILIES

BY_KIND = {"binary": "breast cancer", "multiclass": "penguins' species", "regression": "diabetes"}
CASE_OF = {kind: next(c for c in CASES if c.name == name) for kind, name in BY_KIND.items()}
WAYS: list[tuple[str, Case, dict[str, Any], hand_fitted.Build]] = [
    *((t, CASE_OF["binary"], QUICK.get(t, {}), b) for t, b in hand_fitted.CLASSIFIERS.items()),
    *((t, CASE_OF["multiclass"], QUICK.get(t, {}), b) for t, b in hand_fitted.CLASSIFIERS.items()),
    *((t, CASE_OF["regression"], QUICK.get(t, {}), b) for t, b in hand_fitted.REGRESSORS.items()),
    *((t, CASE_OF[kind], s, b) for (t, kind), (s, b) in hand_fitted.OTHERWISE.items()),
]


def _name(value: object) -> str:
    if callable(value):
        return "by hand"
    return value.name if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("trainer", "case", "settings", "build"), WAYS, ids=_name)
def test_answers_are_those_of_a_pipeline_fitted_by_hand(
    trainer: str, case: Case, settings: dict[str, Any], build: hand_fitted.Build, tmp_path: Path
) -> None:
    outcome = fit_case(trainer, case, tmp_path, settings=settings, seed=3)
    assert outcome.fault is None
    frame = case.load().filter(pl.col(TARGET).is_not_null())
    target = frame[TARGET].to_numpy()
    if case.task is Task.REGRESSION:
        target = target.astype(np.float64)
    split = split_as_usual(target, case.task, 3)
    if case.task is Task.CLASSIFICATION:
        target = np.unique(target, return_inverse=True)[1]
    rows = hand_fitted.prepare(frame.drop(TARGET))
    estimator = build(len(split.training))
    training = rows[split.training]
    pipeline = hand_fitted.build_pipeline(training, estimator, scale=FAMILIES[trainer].scale)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pipeline.fit(training, target[split.training])
    _compare(pipeline, rows[split.holdout], tmp_path)


def _compare(pipeline: Any, rows: pl.DataFrame, folder: Path) -> None:
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(string)": object}
    feeds = {
        spec.name: np.array(rows[spec.name].to_list(), types[spec.type])[:, np.newaxis]
        for spec in session.get_inputs()
    }
    served = session.run(None, feeds)[-1]
    if hasattr(pipeline, "predict_proba"):
        wanted, scale = pipeline.predict_proba(rows), 1.0
    else:
        wanted = np.reshape(pipeline.predict(rows), (-1, 1))
        scale = float(np.std(wanted))
    assert np.abs(served - wanted).max() < 1e-5 * scale
