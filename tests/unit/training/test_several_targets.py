"""Several columns predicted at once: numbers, and labels that each hold or not."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from sklearn import datasets, metrics

from registry.golden_rows import from_json
from registry.reports import Metric, ParityReport
from registry.signature import Task
from training.catalog import TRAINERS
from training.columns import Column, ColumnType
from training.evaluation.answers import Outcomes, Sample, ask
from training.evaluation.intervals import Figure, measure
from training.evaluation.scheme import SplitKind
from training.evaluation.splits import Division, Split, keep_every_label
from training.fitting import FitOutcome, FitProgress
from training.learning import Learning
from training.refusal import FitRefused
from training.tasks import infer_task_of

Fit = Callable[..., FitOutcome]
FEW = {"gradient-boosting": {"iterations": 10}, "random-forest": {"trees": 10}}
LABELS = ("heavy", "male")


def _figures(metrics: Sequence[Metric | Figure]) -> dict[str, float]:
    """Name figures of one target `figure of target`."""
    return {
        f"{it.name} of {it.class_name}" if it.class_name else it.name: it.value for it in metrics
    }


def _ways(task: Task) -> list[str]:
    return [trainer.id for trainer in TRAINERS.values() if trainer.can_do(task)]


@pytest.fixture
def penguins(penguins_path: Path) -> pl.DataFrame:
    frame = pl.read_csv(penguins_path, null_values="NA")
    labels = [
        (pl.col("body_mass_g") > 4200).alias("heavy"),
        (pl.col("sex") == "male").alias("male"),
    ]
    return frame.with_columns(labels).drop("body_mass_g", "sex")


def _linnerud() -> tuple[pl.DataFrame, tuple[str, ...]]:
    bunch = datasets.load_linnerud()
    frame = pl.DataFrame(bunch.data, schema=list(bunch.feature_names))
    names = tuple(bunch.target_names)
    return frame.hstack(pl.DataFrame(bunch.target, schema=list(names))), names


def _run_all(run_fit: Fit, frame: pl.DataFrame, targets: tuple[str, ...], **options: Any) -> Any:
    learning = Learning(targets, **options.pop("learning", {}))
    return run_fit(frame, targets[0], learning=learning, **options)


def _assert_exact(report: ParityReport | None) -> None:
    assert report
    assert report.passed
    assert all(check.label_mismatch_count == 0 for check in report.checks)


@pytest.mark.parametrize("trainer", _ways(Task.REGRESSION))
def test_every_regressor_predicts_several_numbers(
    run_fit: Fit, tmp_path: Path, trainer: str
) -> None:
    frame, names = _linnerud()
    outcome = _run_all(run_fit, frame, names, trainer=trainer, settings=FEW.get(trainer, {}))
    assert outcome.fault is None
    assert (outcome.task, outcome.target_names, outcome.classes) == (Task.REGRESSION, names, ())
    _assert_exact(outcome.parity)
    (output,) = outcome.signature.outputs
    assert (output.name, output.datatype, output.shape) == ("value", "FP32", (-1, 3))
    assert not set(names) & {spec.name for spec in outcome.signature.inputs}
    golden = from_json((tmp_path / "golden-rows.json").read_bytes())
    # A tolerance for the finest of the targets, Waist; but for FP32's steps at the largest.
    assert golden.tolerance < 1e-5 * float(frame["Waist"].to_numpy().std()) + 2e-5
    figures = _figures(outcome.metrics)
    assert figures["rmse"] == pytest.approx(np.mean([figures[f"rmse of {it}"] for it in names]))


@pytest.mark.parametrize("trainer", _ways(Task.MULTILABEL_CLASSIFICATION))
def test_every_classifier_predicts_several_labels(
    run_fit: Fit, penguins: pl.DataFrame, tmp_path: Path, told: list[FitProgress], trainer: str
) -> None:
    settings = FEW.get(trainer, {})
    outcome = _run_all(run_fit, penguins, LABELS, trainer=trainer, settings=settings)
    assert outcome.fault is None
    assert outcome.task is Task.MULTILABEL_CLASSIFICATION
    assert outcome.classes == outcome.target_names == LABELS
    _assert_exact(outcome.parity)
    outputs = [(spec.name, spec.datatype, spec.shape) for spec in outcome.signature.outputs]
    assert outputs == [("labels", "BOOL", (-1, 2)), ("probabilities", "FP32", (-1, 2))]
    assert "11 rows without all of their targets are left out" in [it.message for it in told]
    golden = from_json((tmp_path / "golden-rows.json").read_bytes())
    assert set(golden.outputs["labels"].values) == {False, True}
    figures = _figures(outcome.metrics)
    assert figures["roc_auc"] > 0.9
    assert set(figures) == {
        "f1_macro", "f1_micro", "exact_match", "hamming_loss", "log_loss", "brier_score",
        "roc_auc", "average_precision", "f1 of heavy", "f1 of male",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "datatype"), [([0, 1], "INT64"), ([1.0, 0.0], "INT64"), ([True, False], "BOOL")]
)
def test_labels_are_booleans_if_all_of_their_columns_are(
    run_fit: Fit, tmp_path: Path, second: list[Any], datatype: str
) -> None:
    table = pl.DataFrame({"x": [1.0, 2.0] * 20, "a": [False, True] * 20, "b": second * 20})
    outcome = _run_all(run_fit, table, ("a", "b"), trainer="logistic-regression")
    assert outcome.fault is None
    assert outcome.signature.outputs[0].datatype == datatype
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    labels, probabilities = session.run(None, {"x": np.array([[1], [2]], np.float32)})
    assert labels.tolist() == [[False, bool(second[0])], [True, bool(second[1])]]
    assert ((probabilities > 0.5) == labels).all()


@pytest.mark.parametrize(
    ("columns", "targets", "options", "reason"),
    [
        ({"a": ["u", "v"], "b": [0, 1]}, ("a", "b"), {}, "TARGET_NOT_NUMERIC"),
        ({"a": ["u", "v"], "b": [0, 1]}, ("a", "b"), {"task": "multi"}, "TARGET_NOT_BINARY"),
        ({"a": [0, 2], "b": [0, 1]}, ("a", "b"), {"task": "multi"}, "TARGET_NOT_BINARY"),
        ({"a": [0, 1], "b": [1, 1]}, ("a", "b"), {"task": "multi"}, "ONE_CLASS"),
        ({"a": [0.5, 1.5], "b": [1.5, 1.5]}, ("a", "b"), {}, "ONE_VALUE"),
        ({"a": [0, 1], "b": [0, 1]}, ("a", "c"), {}, "TARGET_NOT_FOUND"),
        ({"a": [0, 1], "b": [0, 1]}, ("a", "b"), {"task": "one"}, "SETTINGS_INVALID"),
        ({"a": [0, 1]}, ("a",), {"task": "multi"}, "SETTINGS_INVALID"),
    ],
)
def test_targets_that_can_not_be_learned_together_are_refused(
    run_fit: Fit,
    columns: dict[str, list[Any]],
    targets: tuple[str, ...],
    options: dict[str, str],
    reason: str,
) -> None:
    tasks = {"multi": Task.MULTILABEL_CLASSIFICATION, "one": Task.CLASSIFICATION, None: None}
    table = pl.DataFrame({"x": [1.0, 2.0] * 10} | {name: it * 10 for name, it in columns.items()})
    learning = Learning(targets if len(targets) > 1 else ())
    outcome = run_fit(table, targets[0], task=tasks[options.get("task")], learning=learning)
    assert outcome.fault
    assert outcome.fault.reason == reason


def test_the_task_of_several_targets_is_told_from_them() -> None:
    yes = Column("a", ColumnType.BOOLEAN, 0, 2)
    binary = Column("b", ColumnType.FLOAT, 0, 2, minimum=0, maximum=1)
    number = Column("c", ColumnType.INTEGER, 0, 3, minimum=0, maximum=2)
    assert infer_task_of([yes, binary], 50) is Task.MULTILABEL_CLASSIFICATION
    assert infer_task_of([binary, number], 50) is Task.REGRESSION
    assert infer_task_of([number], 50) is Task.CLASSIFICATION


BY_CHANCE = Division(SplitKind.RANDOM, np.zeros(20, int), np.zeros(20, int), 0)


def test_every_label_is_learned_from_both_sides() -> None:
    target = np.zeros((20, 2), bool)
    target[[3, 4], 0] = target[[5, 6], 1] = True
    split = keep_every_label(BY_CHANCE, Split(np.arange(10, 20), np.arange(10)), target)
    assert split.training.tolist() == [3, 5, *range(10, 20)]
    assert split.holdout.tolist() == [0, 1, 2, 4, 6, 7, 8, 9]
    with pytest.raises(FitRefused, match="every row is needed"):
        keep_every_label(
            BY_CHANCE, Split(np.array([0]), np.array([1])), np.array([[True], [False]])
        )
    by_time = Division(SplitKind.TIME_ORDERED, np.arange(20), np.zeros(20, int), 0)
    with pytest.raises(FitRefused, match="divide the rows by chance"):
        keep_every_label(by_time, Split(np.arange(10, 20), np.arange(10)), target)


class Fixed:
    """A pipeline that answers what it is told to."""

    def __init__(self, answers: Any, probabilities: Any = None) -> None:
        self._answers = np.array(answers)
        self._probabilities = probabilities

    def predict(self, _: pl.DataFrame) -> Any:
        return self._answers

    def predict_proba(self, _: pl.DataFrame) -> Any:
        shares = np.array(self._probabilities)
        return [np.column_stack([1 - share, share]) for share in shares.T]


ROWS = {"x": np.zeros(3)}


def test_figures_of_labels_are_those_of_each() -> None:
    target = np.array([[True, True], [False, True], [True, True]])
    shares = [[0.9, 0.8], [0.6, 0.7], [0.7, 0.2]]
    weights = np.array([1.0, 2.0, 1.0])
    pipeline = Fixed(np.array(shares) > 0.5, shares)
    outcomes = Outcomes(Task.MULTILABEL_CLASSIFICATION, targets=("a", "b"))
    figures = _figures(measure([ask(pipeline, Sample(ROWS, target, weights), outcomes)], 0))
    # Of "b" every row holds: there is nothing to rank.
    assert figures["roc_auc"] == 1.0
    assert figures["exact_match"] == 0.25
    assert figures["hamming_loss"] == pytest.approx(
        metrics.hamming_loss(target, np.array(shares) > 0.5, sample_weight=weights)
    )
    held = metrics.f1_score(target, np.array(shares) > 0.5, average="micro", sample_weight=weights)
    assert figures["f1_micro"] == pytest.approx(held)
    assert figures["f1 of a"] == pytest.approx(2 / 3)
    assert figures["f1_macro"] == pytest.approx((2 / 3 + 6 / 7) / 2)
    losses = [
        metrics.log_loss(
            target[:, it], np.array(shares)[:, it], labels=[0, 1], sample_weight=weights
        )
        for it in (0, 1)
    ]
    assert figures["log_loss"] == pytest.approx(np.mean(losses))


def test_figures_of_values_are_averages_and_each_ones() -> None:
    target = np.array([[1.0, 10.0], [2.0, 10.0], [3.0, 10.0]])
    pipeline = Fixed([[1.0, 13.0], [2.0, 13.0], [5.0, 13.0]])
    outcomes = Outcomes(Task.REGRESSION, targets=("a", "b"))
    figures = _figures(measure([ask(pipeline, Sample(ROWS, target), outcomes)], 0))
    assert figures["mae of a"] == pytest.approx(2 / 3)
    assert figures["mae of b"] == 3.0
    assert figures["mae"] == pytest.approx((2 / 3 + 3) / 2)
    # Of one value there is no variance to explain.
    assert "r2 of b" not in figures
    assert figures["r2"] == figures["r2 of a"]
