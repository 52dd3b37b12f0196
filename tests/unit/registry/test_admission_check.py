import json
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from registry import admission_check
from registry.admission_files import CheckOutcome, CheckRequest
from registry.child_process import OUTCOME_FILE, REQUEST_FILE
from registry.signature import Role, Signature, TensorSpec
from tests.support import onnx_models
from tests.support.golden import GOLDEN_TEXT

GOLDEN = json.loads(GOLDEN_TEXT)
DECLARED = Signature(
    (TensorSpec("x", "FP32", (-1, 3), Role.NUMERIC, minimum=0.0),),
    (TensorSpec("y", "FP32", (-1, 3)),),
)


def check(
    folder: Path, model: bytes, golden: Any = None, declared: Signature | None = None
) -> CheckOutcome:
    (folder / "model.onnx").write_bytes(model)
    request = CheckRequest(declared, has_golden_rows=golden is not None)
    (folder / REQUEST_FILE).write_bytes(TypeAdapter(CheckRequest).dump_json(request))
    (folder / "golden-rows.json").write_text(json.dumps(golden))
    return admission_check.check_version(folder)


def test_a_good_model_is_measured(tmp_path: Path) -> None:
    outcome = check(tmp_path, onnx_models.double_model(), GOLDEN)
    assert outcome.faults == ()
    assert outcome.report
    assert (outcome.report.golden_row_count, outcome.report.golden_max_difference) == (2, 0.0)
    assert outcome.report.hundred_rows_p50_us > 0
    assert outcome.report.node_count == 1


def test_what_its_makers_know_more_is_kept(tmp_path: Path) -> None:
    assert check(tmp_path, onnx_models.double_model(), None, DECLARED).signature == DECLARED


def test_the_child_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(tmp_path, b"garbage")
    monkeypatch.setattr(sys, "argv", ["admission_check", str(tmp_path)])
    admission_check.main()
    content = (tmp_path / OUTCOME_FILE).read_bytes()
    assert TypeAdapter(CheckOutcome).validate_json(content).faults[0].reason == "NOT_ONNX"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (b"garbage", "NOT_ONNX"),
        (b"", "INVALID_GRAPH"),
        (onnx_models.double_model()[:-40], "NOT_ONNX"),
        (onnx_models.external_model(), "EXTERNAL_DATA"),
        (onnx_models.external_model(nested=True), "EXTERNAL_DATA"),
        (onnx_models.double_model("x" * 257), "NAME_NOT_SERVABLE"),
        (onnx_models.double_model("x\0"), "NAME_NOT_SERVABLE"),
        (onnx_models.double_model(outputs=("y", "y")), "NAME_NOT_SERVABLE"),
        (onnx_models.hidden_external_model(), "EXTERNAL_DATA"),
        (onnx_models.sequence_model(), "TYPE_NOT_SERVABLE"),
    ],
)
def test_bad_files_are_refused_with_a_reason(tmp_path: Path, model: bytes, reason: str) -> None:
    outcome = check(tmp_path, model)
    assert [fault.reason for fault in outcome.faults] == [reason]
    assert "/" not in outcome.faults[0].message


def changed(path: str, value: Any) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(GOLDEN_TEXT)
    *way, last = path.split(".")
    place = golden
    for step in way:
        place = place[step]
    place[last] = value
    return golden


@pytest.mark.parametrize(
    ("golden", "reason"),
    [
        (changed("outputs.y.values", [2, 4, 6, "NaN", 1, -2.001]), "GOLDEN_ROWS_DIFFER"),
        (changed("outputs.y.values", [2, 4, 6, 7, 1, -2]), "GOLDEN_ROWS_DIFFER"),
        (changed("outputs.y.shape", [3, 2]), "GOLDEN_ROWS_DIFFER"),
        (changed("outputs.y.datatype", "FP64"), "GOLDEN_ROWS_DIFFER"),
        (changed("outputs", {"z": GOLDEN["outputs"]["y"]}), "GOLDEN_ROWS_INVALID"),
        (changed("inputs", {}), "GOLDEN_ROWS_INVALID"),
        (changed("inputs.x.shape", [7]), "GOLDEN_ROWS_INVALID"),
        (changed("inputs.x.datatype", "FP99"), "GOLDEN_ROWS_INVALID"),
        ({"rows": []}, "GOLDEN_ROWS_INVALID"),
        (changed("inputs.x.shape", [3, 2]), "RUN_FAILED"),
    ],
)
def test_golden_rows_must_agree(tmp_path: Path, golden: Any, reason: str) -> None:
    outcome = check(tmp_path, onnx_models.double_model(), golden)
    assert [fault.reason for fault in outcome.faults] == [reason]
