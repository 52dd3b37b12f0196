"""Calibrated probabilities: the graph's are scikit-learn's, to the last digit of FP32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from onnx import TensorProto, helper
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from registry.signature import Task
from tests.unit.training.splitting import split_as_usual
from training.catalog import TRAINERS
from training.fitting import FitOutcome
from training.learning import Calibration, Learning
from training.onnx_graph import Array, OnnxGraph
from training.trainers.calibrated import _add_curve

Fit = Callable[..., FitOutcome]
CLASSIFIERS = [it.id for it in TRAINERS.values() if Task.CLASSIFICATION in it.tasks]
FEW = {"gradient-boosting": {"iterations": 10}, "random-forest": {"trees": 20}}


def _table(name: str) -> pl.DataFrame:
    bunch = getattr(datasets, f"load_{name}")()
    frame = pl.DataFrame(bunch.data[:, :5], schema=[str(it) for it in bunch.feature_names[:5]])
    return frame.with_columns(pl.Series("y", bunch.target))


@pytest.mark.parametrize("method", Calibration)
@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
@pytest.mark.parametrize("trainer", CLASSIFIERS)
def test_every_classifier_is_calibrated_exactly(
    run_fit: Fit, trainer: str, name: str, method: Calibration
) -> None:
    learning = Learning(calibration=method)
    outcome = run_fit(
        _table(name), "y", trainer=trainer, settings=FEW.get(trainer, {}), learning=learning
    )
    assert outcome.fault is None, outcome.fault
    assert outcome.parity
    assert sum(it.label_mismatch_count - it.excused_count for it in outcome.parity.checks) == 0
    assert max(check.max_difference for check in outcome.parity.checks) < 1e-7
    assert outcome.parameters["calibration"] == method


def test_isotonic_calibration_is_that_of_scikit_learn(run_fit: Fit, tmp_path: Path) -> None:
    """General converters make other probabilities of it; ours are written piece by piece."""
    random = np.random.default_rng(1)
    x = random.normal(size=(600, 2)).astype(np.float32)
    y = (x.sum(axis=1) + random.normal(size=600) > 0).astype(int)
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    outcome = run_fit(table, "y", learning=Learning(calibration=Calibration.ISOTONIC), seed=3)
    assert outcome.fault is None

    training = split_as_usual(y, Task.CLASSIFICATION, 3).training
    scaler = StandardScaler().fit(x[training].astype(float))
    model = CalibratedClassifierCV(
        LogisticRegression(max_iter=1000),
        method="isotonic",
        cv=StratifiedKFold(5, shuffle=True, random_state=3),
        ensemble=False,
    ).fit(scaler.transform(x[training].astype(float)), y[training])
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    labels, served = session.run(None, {"a": x[:, :1], "b": x[:, 1:]})
    wanted = model.predict_proba(scaler.transform(x.astype(float)))
    # Ours rounds the scores that go into the curve, which its steepest pieces show.
    np.testing.assert_allclose(served, wanted, atol=1e-5)
    assert (labels == model.predict(scaler.transform(x.astype(float)))).all()
    assert len(np.unique(served)) > 10


def _run_curve(calibrator: Any, scores: Array) -> Array:
    graph = OnnxGraph(["s", "p"])
    curve = _add_curve(graph, "s", calibrator)
    graph.add("Identity", curve, output="p")
    value = helper.make_tensor_value_info
    model = graph.to_model(
        [value("s", TensorProto.DOUBLE, [None, 1])], [value("p", TensorProto.DOUBLE, [None, 1])]
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {"s": scores[:, np.newaxis]})[0][:, 0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("knots", [1, 2, 3, 17, 400])
def test_a_curve_is_found_at_between_and_beyond_its_knots(knots: int) -> None:
    random = np.random.default_rng(knots)
    x = np.unique(random.normal(size=knots).astype(np.float32)).astype(float)
    y = np.cumsum(random.random(len(x)))
    calibrator = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    between = (x[:-1] + x[1:]) / 2
    beside = [np.nextafter(x, side) for side in (-np.inf, np.inf)]
    scores = np.concatenate([x, between, *beside, [-3e38, 3e38, 0.0]])
    np.testing.assert_allclose(
        _run_curve(calibrator, scores), calibrator.predict(scores), rtol=1e-12
    )


def test_scores_that_differ_only_beyond_fp32_count_as_one(run_fit: Fit) -> None:
    """Of rows that are equal but for the last digits of FP64 the steepest of curves is made."""
    x = np.repeat([1.0, 1.0 + 1e-12, 2.0], 40)
    y = np.repeat([0, 1, 1], 40)
    table = pl.DataFrame({"x": x, "y": y})
    outcome = run_fit(table, "y", learning=Learning(calibration=Calibration.ISOTONIC))
    assert outcome.fault is None


def test_a_class_of_one_row_can_not_be_calibrated(run_fit: Fit) -> None:
    table = pl.DataFrame({"x": np.arange(30.0), "y": ["a", "b"] * 14 + ["b", "c"]})
    learning = Learning(calibration=Calibration.SIGMOID)
    outcome = run_fit(table, "y", learning=learning)
    assert outcome.fault
    assert outcome.fault.reason == "CALIBRATION_IMPOSSIBLE"
    outcome = run_fit(table.with_columns(y=pl.Series([1.5, 2.5] * 15)), "y", learning=learning)
    assert outcome.fault
    assert outcome.fault.reason == "SETTINGS_INVALID"


def test_calibrated_labels_hold_as_often_as_they_say(run_fit: Fit, tmp_path: Path) -> None:
    """Boosting is too sure of noisy labels; calibrated, it is as sure as it is right."""
    random = np.random.default_rng(0)
    x = random.random((1000, 2)).astype(np.float32)
    y = random.random(1000) < 0.2 + 0.6 * x[:, 0]
    fresh = random.random((4000, 2)).astype(np.float32)
    truth = 0.2 + 0.6 * fresh[:, 0]
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y, "z": ~y})
    errors = {}
    for method in (None, *Calibration):
        outcome = run_fit(
            table,
            "y",
            trainer="gradient-boosting",
            settings={"iterations": 30},
            learning=Learning(("y", "z"), calibration=method),
        )
        assert outcome.fault is None
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        labels, shares = session.run(None, {"a": fresh[:, :1], "b": fresh[:, 1:]})
        assert (labels[:, 0] != labels[:, 1]).mean() > 0.9
        errors[method] = np.abs(shares[:, 0] - truth).mean()
    assert errors[Calibration.SIGMOID] < errors[None] * 0.9
    assert errors[Calibration.ISOTONIC] < errors[None] * 0.9
