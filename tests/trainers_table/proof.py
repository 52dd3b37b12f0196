"""What is measured of a trainer for the table."""

import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime

from registry.signature import Signature
from tests.support.trainer_cases import Case, fit_case
from tests.trainers_table.page import Line
from training.parity import open_session

_RUNS = 300
_TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}


def measure(trainer: str, kind: str, cases: list[Case], folder: Path) -> Line:
    """Fit a trainer on tables of one kind, of which one is about penguins."""
    rows = flips = 0
    difference, exported = 0.0, True
    size, microseconds = 0, 0.0
    for case in cases:
        outcome = fit_case(trainer, case, folder, settings={})
        parity = outcome.parity
        exported = exported and parity is not None and parity.passed
        checks = parity.checks if parity else ()
        rows += sum(check.row_count for check in checks)
        flips += sum(check.label_mismatch_count for check in checks)
        difference = max([difference, *(check.max_difference for check in checks)])
        if "penguins" in case.name and outcome.signature:
            model = (folder / "model.onnx").read_bytes()
            size, microseconds = len(model), _time_row(model, outcome.signature)
    tables = ", ".join(case.name for case in cases)
    return Line(trainer, kind, exported, tables, rows, flips, difference, size, microseconds)


def _time_row(model: bytes, signature: Signature) -> float:
    """Take the median time of one row in microseconds."""
    session: onnxruntime.InferenceSession = open_session(model)
    row = {
        spec.name: np.array(
            [[spec.categories[0] if spec.categories else spec.minimum or 0]], _TYPES[spec.datatype]
        )
        for spec in signature.inputs
    }
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        session.run(None, row)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e6
