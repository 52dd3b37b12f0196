"""Whether an ONNX graph answers as the pipeline it was made from.

The bound is 1e-5, or what the job asks for, in a probability, or of the target's standard
deviation in a value, and the same labels. Three things are no difference, as no graph could do
better: an FP32 value may be off by the distance to the next FP32 number; a label may differ
where the two best classes are as good as equal; and where huge numbers cancel out, so that the
pipeline's own answer hangs on the last digits of FP64, the graph's may be as far off as that.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import polars as pl

from registry.reports import ParityCheck, ParityReport
from training.features import Array, Rows, count_rows, select_rows, spread_rows, to_frame
from training.learning import DEFAULT_TOLERANCE
from training.trainers.several import ask_labels

_BATCHES = {1: 32, 2: 32, 7: 49, 100: 200, 1000: 1000}
"""Rows in a batch, and how many rows are compared in such batches."""

_JITTER = 2.0**-50  # some last digits of FP64
_JITTERS = 32
_HALF_OF_LARGEST = 2.0**127
_LARGEST_DIFFERENCE = 1e300  # stands for NaN and infinity, which JSON lacks


@dataclass(frozen=True, slots=True)
class Answers:
    """What was predicted for some rows.

    Attributes:
        labels: [rows] The classes, or [rows, targets] the labels; empty for regression.
        numbers: FP32 [rows, classes] or [rows, targets] The probabilities, or [rows, targets]
            the values.
        margins: How far the best class is ahead of the second, in the shape of `labels`.
    """

    labels: Array
    numbers: Array
    margins: Array

    def select(self, rows: slice) -> "Answers":
        """Take the answers to some of the rows."""
        return Answers(self.labels[rows], self.numbers[rows], self.margins[rows])


@dataclass(frozen=True, slots=True)
class Parity:
    """Compares one pipeline with one graph.

    Attributes:
        pipeline: The fitted pipeline.
        session: Its graph, loaded.
        scale: What a difference is divided by: 1, or each target's standard deviation,
            [targets].
        tolerance: The largest difference that is let through.
        is_smooth: Whether the pipeline adds up products; trees compare, which is exact.
    """

    pipeline: Any
    session: onnxruntime.InferenceSession
    scale: float | Array = 1.0
    tolerance: float = DEFAULT_TOLERANCE
    is_smooth: bool = False

    def check(self, sets: dict[str, Rows]) -> tuple[ParityCheck, ...]:
        """Compare on every set of rows, and on the first set in batches of 1 to 1,000."""
        checks = [self._check_set(name, rows) for name, rows in sets.items()]
        return (*checks, *self._check_batches(next(iter(sets.values()))))

    def _check_set(self, name: str, rows: Rows) -> ParityCheck:
        wanted = predict(self.pipeline, rows)
        check = self._compare(name, wanted, [rows])
        if check.passed or not self.is_smooth:
            return check
        return self._compare(name, wanted, [rows], measure_noise(self.pipeline, rows, wanted))

    def _check_batches(self, rows: Rows) -> Iterable[ParityCheck]:
        rows = spread_rows(rows, max(_BATCHES.values()))
        # Fewer rows than a batch has begin again.
        rows = select_rows(rows, np.arange(max(_BATCHES.values())) % count_rows(rows))
        wanted = predict(self.pipeline, rows)
        for size, count in _BATCHES.items():
            some = slice(0, count)
            batches = _cut({name: values[some] for name, values in rows.items()}, size)
            yield self._compare(f"batches of {size}", wanted.select(some), list(batches))

    def _compare(
        self, name: str, wanted: Answers, batches: list[Rows], noise: Array | float = 0.0
    ) -> ParityCheck:
        found = [self._run(batch) for batch in batches]
        numbers = np.concatenate([outputs[-1] for outputs in found])
        noise = np.broadcast_to(noise, numbers.shape)
        difference = measure_difference(numbers, wanted.numbers, self.scale, noise)
        labels = np.concatenate([outputs[0] for outputs in found])
        differ = labels != wanted.labels if wanted.labels.size else np.zeros((0, 1), bool)
        # Of many labels a row differs if one does, and is no fault if all that differ are none.
        # A margin is the difference of two probabilities, so it may move by twice as much.
        moves = 2 * (noise if differ.ndim > 1 else noise.max(axis=1, initial=0.0))
        faults = differ & (wanted.margins > self.tolerance + moves) if differ.size else differ
        rows_differ, rows_fault = (_in_any_column(cells) for cells in (differ, faults))
        return ParityCheck(
            rows=name,
            row_count=len(numbers),
            label_mismatch_count=rows_differ,
            max_difference=difference,
            tolerance=self.tolerance,
            passed=difference <= self.tolerance and not rows_fault,
            excused_count=rows_differ - rows_fault,
            unstable_count=_in_any_column(noise / self.scale > self.tolerance),
        )

    def _run(self, rows: Rows) -> list[Array]:
        feeds = {name: values[:, np.newaxis] for name, values in rows.items()}
        outputs: list[Array] = self.session.run(None, feeds)
        return outputs


def _in_any_column(cells: Array) -> int:
    return int((cells if cells.ndim == 1 else cells.any(axis=1)).sum())


def make_report(checks: tuple[ParityCheck, ...]) -> ParityReport:
    """Sum up checks."""
    passed = all(check.passed for check in checks)
    return ParityReport(passed, checks, onnxruntime.__version__, _explain(checks))


def _explain(checks: tuple[ParityCheck, ...]) -> str:
    rows = sum(check.row_count for check in checks)
    excused = sum(check.excused_count for check in checks)
    unstable = sum(check.unstable_count for check in checks)
    most = max(check.max_difference for check in checks)
    sentences = []
    if unstable:
        sentences.append(
            f"On {unstable} of {rows} rows huge numbers cancel out, and the pipeline's own answer"
            " hangs on the last digits of FP64; the graph's may be as far off as that."
        )
    if most:
        sentences.append(
            f"Numbers differ by at most {most:.2g}, beyond the distance between neighbouring FP32"
            f" numbers, in which they are answered; up to {checks[0].tolerance:g} is let through."
        )
    if excused:
        sentences.append(
            f"Labels differ on {excused} of {rows} rows where that is let through: the two best"
            f" classes are within {checks[0].tolerance:g}, or what such digits make, of one"
            " another there, and rounding decides between them."
        )
    if not sentences:
        sentences.append(
            f"On {rows} rows every label is the same, and every number as near as FP32 can tell."
        )
    return " ".join(sentences)


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


def measure_noise(pipeline: Any, rows: Rows, answers: Answers) -> Array:
    """Measure how far a pipeline's numbers move when its matrix moves in the last digits of FP64.

    Returns:
        FP64, in the shape of the numbers: twice the largest move that was seen.
    """
    random = np.random.default_rng(0)
    most = np.zeros(answers.numbers.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = pipeline["features"].transform(to_frame(rows))
        for _ in range(_JITTERS):
            moved = matrix * (1 + _JITTER * random.standard_normal(matrix.shape))
            numbers = _predict(pipeline["estimator"], moved).numbers
            most = np.fmax(most, np.abs(numbers.astype(np.float64) - answers.numbers))
    return 2 * most


def _predict(pipeline: Any, frame: pl.DataFrame | Array) -> Answers:
    classes = getattr(pipeline, "classes_", None)
    if classes is None:
        values = np.asarray(pipeline.predict(frame), np.float32).reshape(len(frame), -1)
        return Answers(np.zeros(0), values, np.zeros(0))
    if isinstance(classes, list):
        labels, probabilities = ask_labels(pipeline, frame)
        return Answers(labels, probabilities.astype(np.float32), np.abs(2 * probabilities - 1))
    probabilities = pipeline.predict_proba(frame)
    second, best = np.sort(probabilities, axis=1)[:, -2:].T
    return Answers(pipeline.predict(frame), probabilities.astype(np.float32), best - second)


def measure_difference(
    found: Array, wanted: Array, scale: float | Array, noise: float | Array = 0.0
) -> float:
    """Measure the largest difference beyond noise and the spacing of FP32, in units of scale."""
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
        gaps = np.maximum(gaps - measure_spacing(wanted) - noise, 0) / scale
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
