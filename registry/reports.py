"""What is known about a version besides its files: plain values, kept as JSON."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of merit; every number is finite.

    Attributes:
        name: Its name, such as `accuracy`.
        value: The figure.
        lower: Where its 95 % interval begins, if it is known.
        upper: Where it ends.
        split: The rows it was measured on: `holdout`, or `folds` for the mean over them.
        class_name: The class whose figure it is; empty for all of them.
        baseline: The same figure of a model that answers every row alike.
    """

    name: str
    value: float
    lower: float | None = None
    upper: float | None = None
    split: str = ""
    class_name: str = ""
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something was refused: a word for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version comes from; names are resource names, empty when unknown."""

    training_job: str = ""
    dataset_version: str = ""
    dataset_sha256: str = ""
    libraries: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParityCheck:
    """The comparison of a pipeline with its ONNX graph on one set of rows.

    Attributes:
        rows: The set, such as `holdout` or `unseen categories`.
        row_count: How many rows were compared.
        label_mismatch_count: On how many the labels differ; 0 for regression.
        max_difference: The largest difference of a probability, or of a value divided
            by the target's standard deviation, beyond the distance between neighbouring
            FP32 numbers: no FP32 answer could be nearer.
        tolerance: The largest difference that is let through.
        passed: Whether labels agree and the difference is within the tolerance.
        excused_count: How many of the differing labels are no fault: the best classes are as
            good as equal, and rounding decides between them.
        unstable_count: On how many rows the pipeline's own answer hangs on the last digits of
            FP64, more than is let through; there it is let through.
    """

    rows: str
    row_count: int
    label_mismatch_count: int
    max_difference: float
    tolerance: float
    passed: bool
    excused_count: int = 0
    unstable_count: int = 0


@dataclass(frozen=True, slots=True)
class ParityReport:
    """How far an ONNX graph is from the pipeline it was converted from.

    Attributes:
        passed: Whether every check did.
        checks: One for each set of rows.
        onnxruntime_version: What ran the graph; empty if its makers do not say.
        explanation: For people: what differs, how often, and why that is let through.
    """

    passed: bool
    checks: tuple[ParityCheck, ...]
    onnxruntime_version: str = ""
    explanation: str = ""

    def is_stale(self, running_version: str) -> bool:
        """Tell whether another ONNX Runtime answers now than the one that was compared."""
        return self.onnxruntime_version not in ("", running_version)


@dataclass(frozen=True, slots=True)
class AdmissionReport:
    """What admission found when it ran a version in a process of its own.

    `hundred_rows_p50_us` is how long a run of 100 rows takes, median; 0 for a model that takes
    no such run. `node_count` is how many nodes the graph has. Both are 0 in reports from before
    they were measured.
    """

    load_us: int
    row_p50_us: float
    row_p99_us: float
    memory_bytes: int
    golden_row_count: int
    golden_max_difference: float
    onnxruntime_version: str
    create_time: datetime
    hundred_rows_p50_us: float = 0.0
    node_count: int = 0
