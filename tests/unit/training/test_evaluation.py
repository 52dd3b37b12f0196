import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.inspection import permutation_importance
from sklearn.model_selection import StratifiedKFold, cross_validate

from registry.reports import Metric
from registry.signature import Task
from training import fit as fit_module
from training.columns import TableFormat
from training.evaluation.evaluate import evaluate
from training.evaluation.report import FOLDS, HOLDOUT, Evaluation
from training.evaluation.scheme import Scheme, SplitKind
from training.feature_steps import FeatureColumn
from training.features import to_frame
from training.fitting import FitOutcome, FitProgress, FitRequest
from training.ingest import profile_table, read_table
from training.plan import Examples, make_plan, take_examples

Fit = Callable[..., FitOutcome]


class Fitted:
    """A pipeline fitted on the penguins, with all that evaluates it."""

    def __init__(self, path: Path, target: str, trainer: str, scheme: Scheme) -> None:
        request = FitRequest(
            str(path), TableFormat.CSV, target, trainer=trainer, evaluation=scheme, seed=3
        )
        frame = read_table(path, TableFormat.CSV)
        table = profile_table(frame)
        self.told: list[str] = []
        self.plan = make_plan(request, table)
        self.examples: Examples = take_examples(request, self.plan, frame, table, self._tell)
        self.pipeline: Any = fit_module._fit_pipeline(request, self.plan, self.examples, self._tell)

    def evaluate(self) -> Evaluation:
        return evaluate(self.pipeline, self.plan, self.examples, self.told.append)

    def _tell(self, progress: FitProgress) -> None:
        self.told.append(progress.message)


def _values(evaluation: Evaluation, split: str) -> dict[str, float]:
    return {
        it.name: it.value for it in evaluation.metrics if it.split == split and not it.class_name
    }


def test_folds_measure_what_cross_validation_does(penguins_path: Path) -> None:
    fitted = Fitted(penguins_path, "species", "logistic-regression", Scheme(folds=4))
    evaluation = fitted.evaluate()
    learned, target = fitted.examples.select(fitted.examples.split.training)
    scores = cross_validate(
        fitted.pipeline,
        to_frame(learned),
        target,
        cv=StratifiedKFold(4, shuffle=True, random_state=3),
        scoring={"accuracy": "accuracy", "f1_macro": "f1_macro", "log_loss": "neg_log_loss"},
    )
    found = _values(evaluation, FOLDS)
    assert found["accuracy"] == pytest.approx(scores["test_accuracy"].mean())
    assert found["f1_macro"] == pytest.approx(scores["test_f1_macro"].mean())
    assert found["log_loss"] == pytest.approx(-scores["test_log_loss"].mean())
    assert "fold 4 of 4: 207 rows to learn from" in fitted.told
    # The version itself is evaluated on rows that no fold has seen.
    assert evaluation.holdout_rows == len(fitted.examples.split.holdout)
    assert _values(evaluation, HOLDOUT).keys() == found.keys()


class ByMatrix:
    """Takes a matrix of objects, as scikit-learn shuffles, for a pipeline that takes columns."""

    def __init__(self, pipeline: Any, rows: dict[str, Any]) -> None:
        self._pipeline = pipeline
        self._types = {name: values.dtype for name, values in rows.items()}

    def fit(self) -> None:
        raise AssertionError("it is fitted")

    def score(self, matrix: Any, target: Any) -> float:
        columns = zip(self._types.items(), matrix.T, strict=True)
        rows = {name: values.astype(kind) for (name, kind), values in columns}
        errors = self._pipeline.predict(to_frame(rows)) - target
        return -float(np.sqrt((errors**2).mean()))


def test_importances_agree_in_order_with_scikit_learn(penguins_path: Path) -> None:
    fitted = Fitted(penguins_path, "body_mass_g", "linear-regression", Scheme())
    found = fitted.evaluate().importances
    rows, target = fitted.examples.select(fitted.examples.split.holdout)
    matrix = np.stack([values.astype(object) for values in rows.values()], axis=1)
    wanted = permutation_importance(
        ByMatrix(fitted.pipeline, rows), matrix, target, n_repeats=20, random_state=0
    )
    order = np.argsort(-wanted.importances_mean)
    assert [it.column for it in found.columns[:3]] == [list(rows)[place] for place in order[:3]]
    for importance, place in zip(found.columns[:3], order, strict=False):
        spread = wanted.importances_std[place]
        assert importance.mean == pytest.approx(wanted.importances_mean[place], abs=3 * spread)
    assert (found.figure, found.repeats, found.row_count) == ("rmse", 5, len(target))


def test_a_column_that_says_nothing_has_no_importance_and_wide_tables_have_none(
    run_fit: Fit, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    x, noise = random.normal(size=(2, 300))
    run_fit(pl.DataFrame({"x": x, "noise": noise, "y": 3 * x + random.normal(size=300)}), "y")
    found = _read(tmp_path)["importances"]["columns"]
    assert [it["column"] for it in found] == ["x", "noise"]
    assert abs(found[1]["mean"]) < found[0]["mean"] / 20
    wide = {f"c{number}": random.normal(size=60) for number in range(1500)}
    assert run_fit(pl.DataFrame({**wide, "y": random.normal(size=60)}), "y").fault is None
    assert _read(tmp_path)["importances"] == {
        "figure": "rmse", "row_count": 0, "repeats": 0, "columns": []
    }  # fmt: skip


def _read(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_bytes())


def test_the_baseline_is_measured_beside_and_its_winning_is_told(
    run_fit: Fit, told: list[FitProgress], tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=400)
    chance = pl.DataFrame({"x": x, "y": random.choice(["a", "b", "b"], 400)})
    outcome = run_fit(chance, "y")
    warnings = [it.message for it in told if it.message.startswith("warning")]
    assert len(warnings) == 1
    assert "not clearly better than the baseline" in warnings[0]
    assert "balanced_accuracy 0.5 " in warnings[0]
    accuracy = _metric(outcome, "accuracy")
    holdout = _read(tmp_path)
    assert accuracy.baseline == pytest.approx(0.67, abs=0.1)
    assert holdout["baseline"] == "always answers 'b', the most frequent class"
    assert holdout["remarks"][0].startswith("The model is not clearly better")

    outcome = run_fit(pl.DataFrame({"x": x, "y": 2 * x + random.normal(size=400)}), "y")
    assert not [it for it in told if it.message.startswith("warning")]
    rmse = _metric(outcome, "rmse")
    assert rmse.baseline
    assert rmse.upper
    assert rmse.baseline > rmse.upper


def _metric(outcome: FitOutcome, name: str) -> Metric:
    return next(it for it in outcome.metrics if it.name == name and it.split == HOLDOUT)


@pytest.mark.parametrize("named", [False, True])
def test_the_column_that_divides_is_a_feature_only_when_named(
    run_fit: Fit, tmp_path: Path, *, named: bool
) -> None:
    random = np.random.default_rng(2)
    table = pl.DataFrame(
        {"x": random.normal(size=120), "week": np.arange(120) // 6, "y": random.normal(size=120)}
    )
    features = (FeatureColumn("week"), FeatureColumn("x")) if named else ()
    scheme = Scheme(SplitKind.TIME_ORDERED, "week", folds=3)
    outcome = run_fit(table, "y", evaluation=scheme, features=features, holdout_fraction=0.25)
    assert outcome.fault is None
    assert outcome.signature
    assert [it.name for it in outcome.signature.inputs] == (["week", "x"] if named else ["x"])
    if named:
        # What is learned from ends before the newest weeks begin.
        assert outcome.signature.inputs[0].maximum == 14
    found = _read(tmp_path)
    assert (found["split"], found["split_column"]) == ("time-ordered", "week")
    assert (found["training_rows"], found["holdout_rows"], found["folds"]) == (90, 30, 3)
    assert {metric.split for metric in outcome.metrics} == {HOLDOUT, FOLDS}


def test_a_scheme_that_does_not_fit_the_table_is_a_fault(run_fit: Fit) -> None:
    table = pl.DataFrame({"x": [1.0, 2.0] * 10, "g": ["a"] * 20, "y": ["a", "b"] * 10})
    for scheme, reason in (
        (Scheme(SplitKind.GROUPED, "g"), "SPLIT_INVALID"),
        (Scheme(SplitKind.GROUPED, "z"), "SETTINGS_INVALID"),
        (Scheme(folds=12), "SPLIT_INVALID"),
    ):
        fault = run_fit(table, "y", evaluation=scheme).fault
        assert fault
        assert fault.reason == reason


def test_a_class_that_came_later_counts_as_wrong(run_fit: Fit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = ["a", "b"] * 80 + ["new"] * 10 + ["a", "b"] * 15
    table = pl.DataFrame({"t": np.arange(200), "x": random.normal(size=200), "y": labels})
    scheme = Scheme(SplitKind.TIME_ORDERED, "t", folds=2)
    outcome = run_fit(table, "y", evaluation=scheme)
    assert outcome.fault is None
    assert outcome.classes == ("a", "b")
    found = _read(tmp_path)
    assert any(it.startswith("10 of the evaluated rows are of classes") for it in found["remarks"])
    assert found["confusion"]["true_names"] == ["a", "b", "(not learned)"]
    assert sum(found["confusion"]["counts"][2]) == 10


def test_a_class_that_came_no_more_is_told(run_fit: Fit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = ["a", "b", "old"] * 40 + ["a", "b"] * 20
    table = pl.DataFrame({"t": np.arange(160), "x": random.normal(size=160), "y": labels})
    outcome = run_fit(table, "y", evaluation=Scheme(SplitKind.TIME_ORDERED, "t"))
    assert any(it.startswith("1 of 3 classes have no row") for it in _read(tmp_path)["remarks"])
    assert "roc_auc" not in {metric.name for metric in outcome.metrics}


def test_segments_are_named_or_chosen(run_fit: Fit, penguins_path: Path, tmp_path: Path) -> None:
    run_fit(penguins_path, "body_mass_g")
    chosen = _read(tmp_path)["segments"]
    assert chosen["column"] == "species"  # the most important one of few values
    run_fit(penguins_path, "body_mass_g", evaluation=Scheme(segment="year"), holdout_fraction=0.4)
    named = _read(tmp_path)["segments"]
    assert named["column"] == "year"
    assert {it["value"] for it in named["segments"]} == {"2007", "2008", "2009"}
    assert sum(it["row_count"] for it in named["segments"]) == 136
    figures = {it["name"]: it for it in named["segments"][0]["metrics"]}
    assert figures["rmse"]["lower"] < figures["rmse"]["value"] < figures["rmse"]["upper"]
    sizes = [it["row_count"] for it in named["segments"]]
    assert min(sizes) >= 10
    run_fit(penguins_path, "species", evaluation=Scheme(segment="bill_length_mm"))
    rare = _read(tmp_path)["segments"]
    assert rare["segments"] == []
    assert rare["left_out_count"] > 20


def test_remarks_tell_what_is_too_good_or_too_little(run_fit: Fit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target = ["rare"] * 12 + ["b"] * 588
    table = pl.DataFrame(
        {
            "leak": [1.0 if it == "rare" else 0.0 for it in target],
            "x": random.normal(size=600),
            "y": target,
        }
    )
    run_fit(table, "y")
    remarks = " ".join(_read(tmp_path)["remarks"])
    assert "'rare' is 1.88% of the rows" in remarks
    assert "hangs on the column 'leak'" in remarks
    assert "No mistake was made in" in remarks
    run_fit(table.tail(60).with_columns(y=pl.Series(["a", "b", "c"] * 20)), "y")
    remarks = " ".join(_read(tmp_path)["remarks"])
    assert "The figures come from 12 rows only" in remarks
    assert "learned from 48 rows only" in remarks
    assert "leak" not in remarks


def test_curves_are_bounded_and_whole(run_fit: Fit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 40, 3000)
    table = pl.DataFrame(
        {"x": codes + random.normal(size=3000), "y": [f"c{it:02}" for it in codes]}
    )
    outcome = run_fit(table, "y", task=Task.CLASSIFICATION)
    found = _read(tmp_path)
    assert len(found["confusion"]["predicted_names"]) == 21
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == found["holdout_rows"]
    assert len(found["curves"]) == 8
    for curve in found["curves"]:
        assert len(curve["roc"]) <= 201
        assert (curve["roc"][0], curve["roc"][-1]) == ([0, 0], [1, 1])
        assert curve["precision_recall"][-1][0] == 1
    assert sum(it["row_count"] for it in found["calibration"]["bins"]) == found["holdout_rows"]
    assert not [it for it in outcome.metrics if it.class_name]
    assert (tmp_path / "evaluation.json").stat().st_size < 200_000
