from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest

from registry.golden_rows import from_json
from registry.signature import Role, Task
from tests.support.trainer_cases import QUICK
from training.catalog import TRAINERS
from training.feature_steps import FeatureColumn
from training.fitting import FitOutcome, FitProgress

Fit = Callable[..., FitOutcome]
WAYS = [(trainer.id, task) for trainer in TRAINERS.values() for task in trainer.tasks]
PENGUIN_TARGETS = {Task.CLASSIFICATION: "species", Task.REGRESSION: "body_mass_g"}


@pytest.mark.parametrize("task", PENGUIN_TARGETS)
def test_what_a_fit_tells_of_penguins(run_fit: Fit, penguins_path: Path, task: Task) -> None:
    outcome = run_fit(penguins_path, PENGUIN_TARGETS[task])
    assert outcome.fault is None
    assert outcome.task is task
    assert outcome.parity
    assert outcome.parity.passed
    assert [check.rows for check in outcome.parity.checks] == [
        "holdout",
        "training",
        "missing values",
        "unseen categories",
        "non-ASCII categories",
        "extreme numbers",
        "neighbours of training values",
        "batches of 1",
        "batches of 2",
        "batches of 7",
        "batches of 100",
        "batches of 1000",
    ]
    assert all(check.label_mismatch_count == 0 for check in outcome.parity.checks)
    figures = {metric.name: metric.value for metric in outcome.metrics}
    if task is Task.CLASSIFICATION:
        assert outcome.classes == ("Adelie", "Chinstrap", "Gentoo")
        assert figures["accuracy"] > 0.95
        assert set(figures) == {
            "accuracy", "balanced_accuracy", "f1_macro", "log_loss", "brier_score", "roc_auc",
            "average_precision", "precision", "recall",
        }  # fmt: skip
    else:
        assert outcome.classes == ()
        assert figures["r2"] > 0.8


def test_signature_and_golden_rows_describe_the_file(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    outcome = run_fit(penguins_path, "species")
    assert outcome.signature
    inputs = {spec.name: spec for spec in outcome.signature.inputs}
    assert inputs["sex"].categories == ("male", "female", "")
    assert inputs["sex"].role is Role.CATEGORICAL
    assert inputs["year"].datatype == "INT64"
    assert inputs["body_mass_g"].datatype == "FP32"
    assert inputs["bill_length_mm"].minimum == pytest.approx(32, abs=2)
    outputs = [(spec.name, spec.datatype, spec.shape) for spec in outcome.signature.outputs]
    assert outputs == [("label", "BYTES", (-1,)), ("probabilities", "FP32", (-1, 3))]
    assert [file.name for file in outcome.artifacts] == [
        "model.onnx", "golden-rows.json", "evaluation.json"
    ]  # fmt: skip
    golden = from_json((tmp_path / "golden-rows.json").read_bytes())
    assert set(golden.inputs) == set(inputs)
    assert golden.tolerance == pytest.approx(1e-5, rel=0.1)
    assert 15 <= golden.inputs["sex"].shape[0] <= 25
    assert {"", "male"} < set(golden.inputs["sex"].values)
    assert "NaN" in golden.inputs["body_mass_g"].values
    assert golden.outputs["probabilities"].shape == (golden.inputs["sex"].shape[0], 3)
    assert set(outcome.libraries) >= {"scikit-learn", "onnxruntime"}
    assert outcome.parameters == {
        "regularization": "1.0",
        "l1_ratio": "0.0",
        "class_weight": "none",
        "max_iterations": "1000",
        "holdout_fraction": "0.2",
        "seed": "0",
    }


def test_graph_is_self_contained_and_of_the_known_opsets(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    run_fit(penguins_path, "species", trainer="random-forest")
    model = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert opsets == {"": 21, "ai.onnx.ml": 3}
    operators = {node.op_type for node in model.graph.node}
    assert operators.isdisjoint({"ZipMap", "SequenceConstruct"})
    assert operators.isdisjoint({"Scaler", "Sub", "Div"}), "no scaler before trees"
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def _run(folder: Path, feeds: dict[str, list[Any]], types: dict[str, str]) -> list[Any]:
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    arrays = {
        name: np.array(values, dtype=types[name]).reshape(-1, 1) for name, values in feeds.items()
    }
    return session.run(None, arrays)  # type: ignore[no-any-return]  # the library has no types


@pytest.mark.parametrize("trainer", ["logistic-regression", "gradient-boosting", "random-forest"])
def test_boolean_classes_come_back_as_booleans(run_fit: Fit, tmp_path: Path, trainer: str) -> None:
    table = pl.DataFrame({"x": [0.5, 7.25] * 30, "up": [False, True] * 30})
    outcome = run_fit(table, "up", trainer=trainer)
    assert outcome.fault is None
    assert outcome.classes == ("false", "true")
    labels, probabilities = _run(tmp_path, {"x": [0.5, 7.25]}, {"x": "float32"})
    assert labels.dtype == np.bool_
    assert labels.tolist() == [False, True]
    assert probabilities.shape == (2, 2)


@pytest.mark.parametrize("target", [["a", "b"], [1.0, 2.0], ["a", "b", "c"]])
def test_trees_that_learned_nothing_still_answer(run_fit: Fit, target: list[Any]) -> None:
    # Too few rows for a leaf: every tree is a root without weight.
    table = pl.DataFrame({"x": [0.5, 7.25, 1.5] * 6, "y": (target * 9)[:18]})
    outcome = run_fit(table, "y", trainer="gradient-boosting")
    assert outcome.fault is None


@pytest.mark.parametrize("classes", [[3, -7], [3.0, -7.0]])
def test_whole_number_classes_come_back_as_integers(
    run_fit: Fit, tmp_path: Path, classes: list[float]
) -> None:
    table = pl.DataFrame({"x": [0.5, 7.25] * 20, "y": classes * 20})
    outcome = run_fit(table, "y", task=Task.CLASSIFICATION)
    assert outcome.classes == ("-7", "3")
    labels, _ = _run(tmp_path, {"x": [0.5, 7.25]}, {"x": "float32"})
    assert labels.dtype == np.int64
    assert labels.tolist() == [3, -7]


def test_columns_keep_their_names_and_text_its_alphabet(run_fit: Fit, tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "_": [1.5, 2.5] * 20,
            "bill länge (mm) 你": ["Größe", "ключ"] * 20,
            "__constant_0": [3, 4] * 20,
            "value": ["да", "нет"] * 20,
        }
    )
    outcome = run_fit(table, "value")
    assert outcome.fault is None
    assert outcome.classes == ("да", "нет")
    names = [node.name for node in onnx.load(tmp_path / "model.onnx").graph.input]
    assert names == ["_", "bill länge (mm) 你", "__constant_0"]
    assert outcome.parity
    kinds = {check.rows: check.row_count for check in outcome.parity.checks}
    assert kinds["non-ASCII categories"] >= 6


@pytest.mark.parametrize(("trainer", "task"), WAYS)
def test_mixed_table_with_much_missing(run_fit: Fit, trainer: str, task: Task) -> None:
    random = np.random.default_rng(7)
    rows = 300
    number = random.normal(size=rows)
    kind = random.choice(np.array(["a", "ß", "c d", None]), rows)
    flag = random.choice(np.array([True, False, None]), rows)
    table = pl.DataFrame(
        {
            "number": np.where(random.random(rows) < 0.3, np.nan, number),
            "kind": kind.tolist(),
            "flag": flag.tolist(),
            "sure": random.choice([True, False], rows),
            "seconds": [*range(1_700_000_000, 1_700_000_000 + rows - 1), None],
            "big": random.integers(0, 2**60, rows),
            "infinite": np.where(random.random(rows) < 0.1, np.inf, number * 1e3),
        }
    )
    signal = number * 3 + (kind == "ß") * 2 + random.normal(size=rows)
    target = pl.Series("y", signal if task is Task.REGRESSION else np.digitize(signal, [-2, 0, 2]))
    outcome = run_fit(
        table.with_columns(target), "y", trainer=trainer, task=task, settings=QUICK.get(trainer, {})
    )
    assert outcome.fault is None, outcome.parity
    assert outcome.signature
    types = {spec.name: spec.datatype for spec in outcome.signature.inputs}
    assert types == {
        "number": "FP32",
        "kind": "BYTES",
        "flag": "FP32",
        "sure": "BOOL",
        "seconds": "FP64",
        "big": "INT64",
        "infinite": "FP32",
    }


def test_categorical_only_and_numeric_overrides(run_fit: Fit) -> None:
    table = pl.DataFrame({"month": [1, 2, 3, None] * 15, "up": ["y", "n", "y", "n"] * 15})
    outcome = run_fit(
        table, "up", features=(FeatureColumn("month", Role.CATEGORICAL),), trainer="random-forest"
    )
    assert outcome.signature
    (month,) = outcome.signature.inputs
    assert month.datatype == "BYTES"
    assert set(month.categories) == {"1", "2", "3", ""}
    assert outcome.fault is None


def test_only_the_hundred_most_frequent_categories_count(run_fit: Fit) -> None:
    codes = [f"c{number % 150:03}" for number in range(600)]
    outcome = run_fit(pl.DataFrame({"code": codes, "y": [1.5, 2.5, 4.0] * 200}), "y")
    assert outcome.signature
    assert len(outcome.signature.inputs[0].categories) == 100
    assert outcome.fault is None


def test_column_without_values_in_training_rows_stays_an_input(run_fit: Fit) -> None:
    # Two values in 400 rows: with this seed both are held out.
    holes = [None] * 400
    for seed in range(60):
        table = pl.DataFrame(
            {"x": [0.5, 1.5] * 200, "holes": [7.5, 8.5, *holes[2:]], "y": [1.0, 2.0] * 200}
        )
        outcome = run_fit(table, "y", task=Task.REGRESSION, seed=seed, holdout_fraction=0.5)
        assert outcome.fault is None
        assert outcome.signature
        if outcome.signature.inputs[1].minimum is None:
            return
    pytest.fail("no seed held both values out")


def test_targets_far_from_zero_agree_to_the_last_digit(
    run_fit: Fit, told: list[FitProgress]
) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    table = pl.DataFrame({"x": x, "y": 1e6 + 3 * x + random.normal(size=200) * 0.1})
    for trainer in ("linear-regression", "gradient-boosting", "random-forest"):
        assert run_fit(table, "y", trainer=trainer).fault is None
    assert run_fit(table.with_columns(pl.col("y") + 1e9), "y").fault is None
    assert any("rounded to steps of 64" in progress.message for progress in told)


def test_what_is_left_out_and_warned_of_is_told(run_fit: Fit, told: list[FitProgress]) -> None:
    random = np.random.default_rng(0)
    kind = pl.Series(["a", "b", None, "", "c"] * 20)
    table = pl.DataFrame({"x": random.normal(size=100), "same": [1] * 100, "y": kind})
    outcome = run_fit(table, "y", settings={"max_iterations": 1})
    assert outcome.fault is None
    assert outcome.classes == ("a", "b", "c")
    messages = " / ".join(progress.message for progress in told)
    assert "40 rows without a target are left out" in messages
    assert "'same' is left out: it has one value only" in messages
    assert "warning: lbfgs failed to converge" in messages
