"""That the check finds graphs which convert and are wrong, and that ours are not among them."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from registry import admission_check
from registry.admission_files import CheckRequest
from registry.signature import Task, TensorSpec
from training import fit as fit_module
from training.catalog import TRAINERS
from training.columns import TableFormat
from training.edge_rows import make_edge_rows
from training.export import export_pipeline
from training.fit import fit
from training.fitting import FitOutcome, FitRequest
from training.learning import Calibration, Learning
from training.parity import measure_difference

Fit = Callable[..., FitOutcome]
WAYS = [(trainer.id, task) for trainer in TRAINERS.values() for task in trainer.tasks]


def _change_constant(model: onnx.ModelProto, operator: str, change: Callable[[Any], None]) -> None:
    """Change the last input, a constant, of the first node of a kind."""
    node = next(node for node in model.graph.node if node.op_type == operator)
    tensor = next(c for c in model.graph.initializer if c.name == node.input[-1])
    values = numpy_helper.to_array(tensor).copy()
    change(values)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _change_trees(model: onnx.ModelProto, attribute: str, change: Callable[[Any], None]) -> None:
    (node,) = (node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")
    (entry,) = (entry for entry in node.attribute if entry.name == attribute)
    values = numpy_helper.to_array(entry.t).copy()
    change(values)
    entry.t.CopyFrom(numpy_helper.from_array(values))


def _increase_first(values: Any) -> None:
    values.reshape(-1)[0] += 0.01


def _round_to_fp32(values: Any) -> None:
    values[:] = values.astype(np.float32)


def _forget_unseen(model: onnx.ModelProto) -> None:
    """Take the first category for any that was not seen."""
    node = next(node for node in model.graph.node if node.op_type == "OneHotEncoder")
    (entry,) = (entry for entry in node.attribute if entry.name == "cats_strings")
    entry.strings[0] = "Größe 測試 \N{PENGUIN}".encode()


BREAKS: dict[str, tuple[str, Callable[[onnx.ModelProto], None]]] = {
    "one coefficient": (
        "logistic-regression",
        lambda model: _change_constant(model, "Gemm", _increase_first),
    ),
    "one median": (
        "logistic-regression",
        lambda model: _change_constant(model, "Where", _increase_first),
    ),
    "one mean": (
        "linear-regression",
        lambda model: _change_constant(model, "Sub", _increase_first),
    ),
    "one category": ("logistic-regression", _forget_unseen),
    "one leaf": (
        "gradient-boosting",
        lambda model: _change_trees(model, "target_weights_as_tensor", _increase_first),
    ),
    "thresholds in FP32": (
        "random-forest",
        lambda model: _change_trees(model, "nodes_values_as_tensor", _round_to_fp32),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_graph_with_one_wrong_number_is_found(
    run_fit: Fit, penguins_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trainer, break_model = BREAKS[name]
    export = export_pipeline

    def export_broken(*arguments: Any) -> bytes:
        model = onnx.load_model_from_string(export(*arguments))
        break_model(model)
        return model.SerializeToString()

    monkeypatch.setattr(fit_module, "export_pipeline", export_broken)
    target = "body_mass_g" if trainer == "linear-regression" else "species"
    outcome = run_fit(penguins_path, target, trainer=trainer)
    assert outcome.fault
    assert outcome.fault.reason == "PARITY_FAILED"
    assert outcome.parity
    assert not outcome.parity.passed
    assert outcome.artifacts
    assert outcome.signature


def test_swapped_labels_are_found(
    run_fit: Fit, penguins_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probabilities agree, labels do not."""
    export = export_pipeline

    def export_broken(*arguments: Any) -> bytes:
        model = onnx.load_model_from_string(export(*arguments))
        node = next(node for node in model.graph.node if node.output[0] == "label")
        (tensor,) = (c for c in model.graph.initializer if c.name == node.input[0])
        tensor.string_data[:2] = reversed(tensor.string_data[:2])
        return model.SerializeToString()

    monkeypatch.setattr(fit_module, "export_pipeline", export_broken)
    outcome = run_fit(penguins_path, "species")
    assert outcome.parity
    holdout = outcome.parity.checks[0]
    assert not holdout.passed
    assert holdout.label_mismatch_count > 30
    assert holdout.max_difference == 0


@pytest.mark.parametrize(("trainer", "task"), WAYS)
@pytest.mark.parametrize("targets", [1, 2])
def test_an_optimizer_finds_nothing_more_in_the_graph(
    run_fit: Fit, tmp_path: Path, trainer: str, task: Task, targets: int
) -> None:
    few = {"gradient-boosting": {"iterations": 3}, "random-forest": {"trees": 3}}
    x = np.arange(60) * 0.25
    table = pl.DataFrame({"x": x, "t": ["a", "b", "c"] * 20, "n": x[::-1]})
    of_each = [
        x % (3 + it) if task is Task.REGRESSION else x % (3 + it) > 1 for it in range(targets)
    ]
    names = tuple(f"y{it}" for it in range(targets))
    table = table.with_columns(**dict(zip(names, of_each, strict=True)))
    outcome = run_fit(
        table,
        names[0],
        trainer=trainer,
        settings=few.get(trainer, {}),
        learning=Learning(names if targets > 1 else ()),
    )
    assert outcome.fault is None
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    before, after = (
        len(onnx.load(tmp_path / name).graph.node) for name in ("model.onnx", "optimized.onnx")
    )
    assert before <= after


def test_admission_accepts_what_a_fit_writes(
    run_fit: Fit, penguins_path: Path, tmp_path: Path
) -> None:
    # Those of neighbours, support vectors and naive Bayes have graphs inside their graphs.
    ways = {
        "random-forest": "species",
        "gradient-boosting": "body_mass_g",
        "k-nearest-neighbors": "species",
        "svm": "body_mass_g",
        "naive-bayes": "species",
    }
    for trainer, target in ways.items():
        outcome = run_fit(penguins_path, target, trainer=trainer)
        request = CheckRequest(declared=outcome.signature, has_golden_rows=True)
        checked = admission_check._check(tmp_path, request)
        assert checked.faults == ()
        assert checked.report
        assert checked.report.golden_row_count >= 15


def test_edge_rows_of_a_very_wide_table_are_bounded() -> None:
    inputs = tuple(TensorSpec(f"c{number}", "FP32", (-1, 1)) for number in range(2000))
    rows = {spec.name: np.linspace(0, 1, 50, dtype=np.float32) for spec in inputs}
    base = {name: values[:3] for name, values in rows.items()}
    made = make_edge_rows(inputs, rows, base)
    assert set(made) == {"missing values", "extreme numbers", "neighbours of training values"}
    assert all(len(rows["c0"]) * len(rows) < 3_000_000 for rows in made.values())
    assert np.isnan(made["missing values"]["c0"][:3]).all()


def test_whole_number_neighbours_do_not_wrap() -> None:
    inputs = (TensorSpec("x", "INT64", (-1, 1)),)
    values = np.array([-(2**63), 0, 2**63 - 1])
    made = make_edge_rows(inputs, {"x": values}, {"x": values[:1]})
    assert {-(2**63), -(2**63) + 1, -1, 1, 2**63 - 2} <= set(
        made["neighbours of training values"]["x"].tolist()
    )


@pytest.mark.parametrize(
    ("found", "wanted", "difference"),
    [
        (0.5, 0.5, 0.0),
        (math.inf, math.inf, 0.0),
        (math.nan, 0.5, 1e300),
        (math.inf, 0.5, 1e300),
        (np.nextafter(np.float32(2e9), np.float32(3e9)), 2e9, 0.0),
        (0.0, np.finfo(np.float32).max, pytest.approx(1.7014118e38)),
        (0.75, 0.5, pytest.approx(0.125)),
    ],
)
def test_differences_are_measured_beyond_the_spacing_of_fp32(
    found: float, wanted: float, difference: float
) -> None:
    found_array, wanted_array = (np.array([[value]], np.float32) for value in (found, wanted))
    assert measure_difference(found_array, wanted_array, scale=2.0) == difference


NUMBERS = st.one_of(
    st.none(),
    st.floats(width=32),
    st.integers(-(2**60), 2**60).map(float),
    st.sampled_from([0.1, 7]),
)
# A table with NUL in a text is refused.
TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=3)
COLUMNS = {
    "number": NUMBERS,
    "whole": st.integers(-(2**63), 2**63 - 1),
    "text": st.one_of(st.none(), TEXTS, st.sampled_from("ab")),
    "flag": st.booleans(),
}


@settings(
    max_examples=30,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_mixed_table_agrees_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    rows = data.draw(st.integers(12, 24))
    columns = {
        name: data.draw(st.lists(values, min_size=rows, max_size=rows), label=name)
        for name, values in COLUMNS.items()
    }
    trainer, task = data.draw(st.sampled_from(WAYS))
    classes = task is Task.CLASSIFICATION
    calibrations = (None, *Calibration) if classes else (None,)
    target = [number % 3 if classes else number * 0.37 for number in range(rows)]
    frame = pl.DataFrame(columns, schema_overrides={"number": pl.Float64}, strict=False)
    frame.with_columns(pl.Series("y", target)).write_parquet(tmp_path / "table")
    few: dict[str, dict[str, Any]] = {
        "gradient-boosting": {"iterations": 5, "min_samples_leaf": 1},
        "exact-gradient-boosting": {"iterations": 5},
        "lightgbm": {"iterations": 5, "min_samples_leaf": 1},
        "xgboost": {"iterations": 5},
        "random-forest": {"trees": 5},
        "extra-trees": {"trees": 5},
        "mlp": {"max_iterations": 20},
    }
    request = FitRequest(
        str(tmp_path / "table"),
        TableFormat.PARQUET,
        "y",
        task=task,
        trainer=trainer,
        settings=few.get(trainer, {}),
        learning=Learning(calibration=data.draw(st.sampled_from(calibrations))),
        with_card=False,
    )
    outcome = fit(request, tmp_path, lambda _: None)
    assert outcome.fault is None or outcome.fault.reason == "NO_FEATURES", outcome
