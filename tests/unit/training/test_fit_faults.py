"""What a fit says where it can't be done, and the process that it runs in."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import TypeAdapter

from registry.signature import Task
from training import fit as fit_module
from training.columns import TableFormat
from training.feature_steps import FeatureColumn
from training.fitting import FitOutcome, FitRequest

Fit = Callable[..., FitOutcome]
NUMBERS = [float(number) for number in range(20)]


@pytest.mark.parametrize(
    ("table", "options", "reason"),
    [
        ({"x": NUMBERS}, {}, "TARGET_NOT_FOUND"),
        ({"x": NUMBERS, "y": ["a"] * 20}, {}, "ONE_CLASS"),
        ({"x": NUMBERS, "y": [1.5] * 20}, {}, "ONE_VALUE"),
        ({"x": NUMBERS, "y": ["a", "b"] * 10}, {"task": Task.REGRESSION}, "TARGET_NOT_NUMERIC"),
        (
            {"x": NUMBERS, "y": [1.5, 2.5] * 10},
            {"task": Task.CLASSIFICATION},
            "TARGET_NOT_CATEGORICAL",
        ),
        ({"x": NUMBERS, "y": pl.Series(range(20)).cast(pl.Date)}, {}, "TARGET_NOT_NUMERIC"),
        ({"x": NUMBERS, "y": [1e300, 1.0] * 10}, {}, "TARGET_INVALID"),
        ({"x": NUMBERS[:9], "y": ["a", "b", "c"] * 3}, {}, "TOO_FEW_ROWS"),
        ({"x": NUMBERS, "y": [None] * 15 + ["a", "b", "c", "a", "b"]}, {}, "TOO_FEW_ROWS"),
        ({"x": NUMBERS, "y": [str(number) for number in range(20)]}, {}, "TOO_MANY_CLASSES"),
        ({"x": [1] * 20, "y": ["a", "b"] * 10}, {}, "NO_FEATURES"),
        ({"label": NUMBERS, "y": ["a", "b"] * 10}, {}, "FEATURE_INVALID"),
        (
            {"x": NUMBERS, "y": ["a", "b"] * 10},
            {"features": (FeatureColumn("z"),)},
            "FEATURE_INVALID",
        ),
        ({"x": NUMBERS, "y": ["a", "b"] * 10}, {"holdout_fraction": 1.0}, "HOLDOUT_INVALID"),
        ({"x": NUMBERS, "y": ["a", "b"] * 10}, {"trainer": "magic"}, "SETTINGS_INVALID"),
        ({"x": NUMBERS, "y": ["a", "b"] * 10}, {"settings": {"tress": 1}}, "SETTINGS_INVALID"),
        ({"x": [[1]], "y": [1]}, {}, "TABLE_INVALID"),
    ],
)  # fmt: skip
def test_mistakes_are_faults(
    run_fit: Fit, table: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    outcome = run_fit(pl.DataFrame(table), "y", **options)
    assert outcome.fault
    assert outcome.fault.reason == reason
    assert outcome.parity is None
    assert len(outcome.fault.message) > 20


def _write_request(folder: Path, request: FitRequest) -> None:
    (folder / "request.json").write_bytes(TypeAdapter(FitRequest).dump_json(request))


def test_child_prints_progress_and_writes_the_outcome(
    tmp_path: Path, penguins_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    _write_request(tmp_path, FitRequest(str(penguins_path), TableFormat.CSV, "species"))
    monkeypatch.setattr(sys, "argv", ["training.fit", str(tmp_path)])
    fit_module.main()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert stages == ["read", "split", "fit", "evaluate", "export", "parity", "card"]
    assert lines[-1]["percent"] == 100
    outcome = TypeAdapter(FitOutcome).validate_json((tmp_path / "outcome.json").read_bytes())
    assert outcome.fault is None
    files = {file.name for file in outcome.artifacts}
    assert files > {"model.onnx", "golden-rows.json", "evaluation.json", "model-card.html"}
    assert {path.name for path in tmp_path.iterdir()} == {"request.json", "outcome.json", *files}


def test_faults_of_ours_leave_no_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_request(tmp_path, FitRequest(str(tmp_path / "gone"), TableFormat.CSV, "species"))
    monkeypatch.setattr(sys, "argv", ["training.fit", str(tmp_path)])
    with pytest.raises(FileNotFoundError):
        fit_module.main()
    assert not (tmp_path / "outcome.json").exists()
