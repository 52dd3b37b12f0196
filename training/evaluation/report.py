"""What an evaluation found: plain values, kept as the artifact `evaluation.json`."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from registry.reports import Metric
from registry.signature import Task
from training.evaluation.scheme import SplitKind

ARTIFACT_ID = "evaluation.json"

HOLDOUT, FOLDS = "holdout", "folds"
"""The names of what metrics were measured on."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each class was answered for each: counts[true][predicted]."""

    true_names: tuple[str, ...]
    predicted_names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassCurves:
    """The curves of one class against the rest.

    Attributes:
        class_name: The class.
        positive_count: How many rows are of it.
        roc: (false positive rate, true positive rate), from (0, 0) to (1, 1).
        precision_recall: (recall, precision), recall growing.
    """

    class_name: str
    positive_count: int
    roc: tuple[Point, ...]
    precision_recall: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of about the same probability: how many, its mean, and how many of them were so."""

    row_count: int
    mean_probability: float
    share_true: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether probabilities come true.

    Attributes:
        of: Whose probability: the second of two classes, or `the predicted class`.
        bins: Ten of equal width at most; those without rows are left out.
    """

    of: str
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class Residuals:
    """How far values are off.

    Attributes:
        points: (predicted, true) of some rows, evenly chosen.
        edges: The edges of the histogram of predicted minus true, one more than counts.
        counts: How many rows lie between them.
    """

    points: tuple[Point, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Importance:
    """How much worse a figure becomes when one column's values are shuffled among the rows."""

    column: str
    mean: float
    standard_deviation: float


@dataclass(frozen=True, slots=True)
class Importances:
    """The importances of the raw columns, the largest first.

    Attributes:
        figure: The figure: log_loss or rmse; more of it is worse.
        row_count: On how many rows.
        repeats: How often each column was shuffled.
        columns: The importances; none if there are too many columns to try.
    """

    figure: str
    row_count: int
    repeats: int
    columns: tuple[Importance, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """The figures on the rows of one value of a column."""

    value: str
    row_count: int
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Segments:
    """Figures by the values of a column; values of too few rows are left out."""

    column: str
    segments: tuple[Segment, ...]
    left_out_count: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        task: For classes or for values.
        split: How rows were divided.
        split_column: The column of groups or times, if there is one.
        training_rows: How many rows were learned from.
        holdout_rows: How many were evaluated on.
        folds: In how many folds the training rows were evaluated besides.
        baseline: What the baseline does.
        metrics: The figures, with those of the baseline.
        remarks: What a reader should know, a sentence each.
        confusion: Of classes.
        curves: Of classes, the most frequent ones.
        calibration: Of classes.
        residuals: Of values.
        importances: Of the raw columns.
        segments: If there is a column to tell them by.
    """

    task: Task
    split: SplitKind
    split_column: str
    training_rows: int
    holdout_rows: int
    folds: int
    baseline: str
    metrics: tuple[Metric, ...]
    remarks: tuple[str, ...]
    importances: Importances
    segments: Segments | None = None
    confusion: Confusion | None = None
    curves: tuple[ClassCurves, ...] = field(default=())
    calibration: Calibration | None = None
    residuals: Residuals | None = None


_ADAPTER = TypeAdapter(Evaluation)
_TOLD = frozenset(
    ["accuracy", "balanced_accuracy", "exact_match", "log_loss", "roc_auc", "rmse", "mae", "r2"]
)


def describe(evaluation: Evaluation) -> str:
    """Tell the best known figures in a line."""
    told = [
        f"{metric.name} {metric.value:.4g}"
        for metric in evaluation.metrics
        if metric.name in _TOLD and metric.split == HOLDOUT and not metric.class_name
    ]
    return ", ".join(told)


def to_json(evaluation: Evaluation) -> bytes:
    """Write the artifact's bytes."""
    return _ADAPTER.dump_json(evaluation, indent=1)
