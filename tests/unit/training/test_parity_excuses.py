"""What is no fault of a graph, and that nothing else is let through with it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from onnx import numpy_helper

from registry.signature import Task
from training import fit as fit_module
from training.export import export_pipeline
from training.fitting import FitOutcome
from training.onnx_graph import OnnxGraph
from training.parity import Parity, make_report, open_session

Fit = Callable[..., FitOutcome]


class Doubtful:
    """A pipeline that finds two classes as good as equal, and takes the first."""

    classes_ = np.array([0, 1])

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        return np.tile([0.5 + self._ahead / 2, 0.5 - self._ahead / 2], (frame.height, 1))

    def predict(self, frame: pl.DataFrame) -> Any:
        return np.zeros(frame.height, np.int64)


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_huge_numbers_that_cancel_out_are_no_fault_of_the_graph(
    run_fit: Fit, monkeypatch: pytest.MonkeyPatch, task: Task
) -> None:
    """Of two columns that add up to a constant, one's coefficient undoes the other's."""
    x = np.arange(60) * 0.25
    y = x % 3 if task is Task.REGRESSION else x % 3 > 1
    table = pl.DataFrame({"x": x, "rest": x[::-1], "t": ["a", "b", "c"] * 20, "y": y})
    kind = "linear" if task is Task.REGRESSION else "logistic"
    outcome = run_fit(table, "y", trainer=f"{kind}-regression")
    assert outcome.parity
    assert outcome.fault is None
    unstable = {it.rows: it.unstable_count for it in outcome.parity.checks if it.unstable_count}
    assert set(unstable) == {"extreme numbers"}
    assert "cancel out" in outcome.parity.explanation

    # That excuses nothing where numbers are ordinary.
    monkeypatch.setattr(fit_module, "export_pipeline", _export_broken)
    outcome = run_fit(table, "y", trainer=outcome.trainer)
    assert outcome.parity
    assert not outcome.parity.checks[0].passed


def _export_broken(*arguments: Any) -> bytes:
    """Export with one coefficient that is wrong."""
    model = onnx.load_model_from_string(export_pipeline(*arguments))
    node = next(node for node in model.graph.node if node.op_type == "Gemm")
    tensor = next(it for it in model.graph.initializer if it.name == node.input[1])
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[-1] += 0.01
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return bytes(model.SerializeToString())


def _second_of_equals() -> bytes:
    """Make a graph that answers the second of two equal classes."""
    graph = OnnxGraph(["x", "label", "probabilities"])
    nothing = graph.add("Mul", "x", graph.add_constant(np.zeros(1, np.float32)))
    half = graph.add("Add", nothing, graph.add_constant(np.full(2, 0.5, np.float32)))
    graph.add("Identity", half, output="probabilities")
    best = graph.add("ArgMax", half, axis=1, keepdims=0, select_last_index=1)
    graph.add("Identity", best, output="label")
    value = onnx.helper.make_tensor_value_info
    outputs = [
        value("label", onnx.TensorProto.INT64, [None]),
        value("probabilities", onnx.TensorProto.FLOAT, [None, 2]),
    ]
    inputs = [value("x", onnx.TensorProto.FLOAT, [None, 1])]
    return graph.to_model(inputs, outputs).SerializeToString()


@pytest.mark.parametrize(
    ("ahead", "tolerance", "passed"), [(1e-6, 1e-5, True), (1e-4, 1e-5, False), (1e-4, 1e-3, True)]
)
def test_labels_may_differ_where_classes_are_as_good_as_equal(
    ahead: float, tolerance: float, *, passed: bool
) -> None:
    session = open_session(_second_of_equals())
    rows = {"x": np.zeros(5, np.float32)}
    report = make_report(Parity(Doubtful(ahead), session, 1.0, tolerance).check({"holdout": rows}))
    holdout, *batches = report.checks
    assert report.passed is passed
    assert (holdout.label_mismatch_count, holdout.excused_count) == (5, 5 if passed else 0)
    assert holdout.tolerance == tolerance
    assert ("rounding decides between them" in report.explanation) is passed
    assert report.onnxruntime_version == onnxruntime.__version__
    # Five rows begin again until there is a batch of a thousand.
    assert [(check.rows, check.row_count) for check in batches] == [
        ("batches of 1", 32),
        ("batches of 2", 32),
        ("batches of 7", 49),
        ("batches of 100", 200),
        ("batches of 1000", 1000),
    ]
