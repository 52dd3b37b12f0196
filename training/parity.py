"""Whether an ONNX graph answers as the pipeline it was made from.

The bound is 1e-5 in a probability, or of the target's standard deviation in a
value, and the same labels. Two things are no difference, as no graph could do better: an FP32
value may be off by the distance to the next FP32 number, and a label may differ where the two
best classes are as good as equal.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import polars as pl

from registry.reports import ParityCheck, ParityReport
from training.features import Array, Rows, count_rows, spread_rows, to_frame

TOLERANCE = 1e-5

_BATCH_ROWS = 32
_HALF_OF_LARGEST = 2.0**127
_LARGEST_DIFFERENCE = 1e300  # stands for NaN and infinity, which JSON lacks


@dataclass(frozen=True, slots=True)
class Answers:
    """What was predicted for some rows.

    Attributes:
        labels: [rows] The classes; empty for regression.
        numbers: FP32 [rows, classes] The probabilities, or [rows, 1] the values.
        margins: [rows] How far the best class is ahead of the second; empty for regression.
    """

    labels: Array
    numbers: Array
    margins: Array


@dataclass(frozen=True, slots=True)
class Parity:
    """Compares one pipeline with one graph.

    Attributes:
        pipeline: The fitted pipeline.
        session: Its graph, loaded.
        scale: What a difference is divided by: 1, or the target's standard deviation.
    """

    pipeline: Any
    session: onnxruntime.InferenceSession
    scale: float = 1.0

    def check(self, sets: dict[str, Rows]) -> ParityReport:
        """Compare on every set of rows, and on the first set in batches of one and two."""
        checks = [self._compare(name, rows, [rows]) for name, rows in sets.items()]
        first = next(iter(sets.values()))
        some = spread_rows(first, _BATCH_ROWS)
        for size in (1, 2):
            batches = list(_cut(some, size))
            checks.append(self._compare(f"batches of {size}", some, batches))
        return ParityReport(all(check.passed for check in checks), tuple(checks))

    def _compare(self, name: str, rows: Rows, batches: list[Rows]) -> ParityCheck:
        wanted = predict(self.pipeline, rows)
        found = [self._run(batch) for batch in batches]
        numbers = np.concatenate([outputs[-1] for outputs in found])
        difference = measure_difference(numbers, wanted.numbers, self.scale)
        labels = np.concatenate([outputs[0] for outputs in found])
        differ = labels != wanted.labels if wanted.labels.size else np.zeros(0, bool)
        excused = wanted.margins <= TOLERANCE
        return ParityCheck(
            rows=name,
            row_count=count_rows(rows),
            label_mismatch_count=int(differ.sum()),
            max_difference=difference,
            tolerance=TOLERANCE,
            passed=difference <= TOLERANCE and not (differ & ~excused).any(),
        )

    def _run(self, rows: Rows) -> list[Array]:
        feeds = {name: values[:, np.newaxis] for name, values in rows.items()}
        outputs: list[Array] = self.session.run(None, feeds)
        return outputs


def open_session(model: bytes) -> onnxruntime.InferenceSession:
    """Load a graph to run in this thread alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])


def predict(pipeline: Any, rows: Rows) -> Answers:
    """Ask the pipeline itself."""
    # scikit-learn adds up its input to see that it is finite, which extreme rows overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        return _predict(pipeline, to_frame(rows))


def _predict(pipeline: Any, frame: pl.DataFrame) -> Answers:
    if not hasattr(pipeline, "classes_"):
        values = np.asarray(pipeline.predict(frame), np.float32).reshape(-1, 1)
        return Answers(np.zeros(0), values, np.zeros(0))
    probabilities = pipeline.predict_proba(frame)
    second, best = np.sort(probabilities, axis=1)[:, -2:].T
    return Answers(pipeline.predict(frame), probabilities.astype(np.float32), best - second)


def measure_difference(found: Array, wanted: Array, scale: float) -> float:
    """Measure the largest difference beyond the spacing of FP32, in units of the scale."""
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
        gaps = np.maximum(gaps - measure_spacing(wanted), 0) / scale
    gaps[found == wanted] = 0.0
    difference = float(np.max(gaps, initial=0.0))
    return difference if math.isfinite(difference) else _LARGEST_DIFFERENCE


def measure_spacing(values: Array) -> Array:
    """Measure how far the next FP32 number is, for each of FP32 numbers."""
    # Beyond the largest number there is none, and its spacing would be infinite.
    return np.spacing(np.minimum(np.abs(values), np.float32(_HALF_OF_LARGEST))).astype(np.float64)


def _cut(rows: Rows, size: int) -> Iterable[Rows]:
    for start in range(0, count_rows(rows), size):
        yield {name: values[start : start + size] for name, values in rows.items()}
