"""What becomes of a version that a job made: kept, named by an alias, or promoted if better."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from registry.reports import Fault, Metric
from registry.signature import CHAMPION, Signature, Task
from training.evaluation.report import FOLDS

_LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier_score", "hamming_loss", "rmse", "mae", "median_absolute_error"}
)
METRICS = {
    Task.CLASSIFICATION: (
        "log_loss", "accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision",
        "brier_score",
    ),
    Task.MULTILABEL_CLASSIFICATION: (
        "log_loss", "f1_macro", "f1_micro", "exact_match", "hamming_loss", "roc_auc",
        "average_precision", "brier_score",
    ),
    Task.REGRESSION: ("rmse", "mae", "r2", "median_absolute_error"),
}  # fmt: skip
"""The metrics that versions can be compared by, the default of each task first."""


@dataclass(frozen=True, slots=True)
class Gate:
    """When a version is better than the champion.

    Attributes:
        metric: The metric's name; empty takes the task's default.
        min_improvement: By how much it must be better at least.
    """

    metric: str = ""
    min_improvement: float = 0.0


@dataclass(frozen=True, slots=True)
class OnSuccess:
    """What to do with the version; nothing, if neither is set.

    Attributes:
        alias: Moves this alias to it.
        gate: Moves the alias `champion` to it if it passes.
    """

    alias: str = ""
    gate: Gate | None = None


@dataclass(frozen=True, slots=True)
class PromotionOutcome:
    """Whether an alias was moved to the version, and why.

    Attributes:
        moved: Whether it was.
        alias: The alias.
        reason: A word for programs.
        message: A sentence for people.
        metric: What was compared.
        value: Of the version.
        champion_value: Of the champion.
        champion_number: The champion's version.
    """

    moved: bool
    alias: str
    reason: str
    message: str
    metric: str = ""
    value: float | None = None
    champion_value: float | None = None
    champion_number: int | None = None


@dataclass(frozen=True, slots=True)
class Contest:
    """How the champion did on the holdout rows of a job.

    Attributes:
        metrics: What was measured; empty if there is a fault.
        fault: Why it could not be compared.
    """

    metrics: tuple[Metric, ...] = ()
    fault: Fault | None = None


def choose_metric(name: str, task: Task) -> str:
    """Return a metric's name, or the task's default for an empty one."""
    return name or METRICS[task][0]


def find_value(metrics: Iterable[Metric], name: str) -> float | None:
    """Return a figure of all classes and targets, as measured on one set of rows."""
    for metric in metrics:
        if metric.name == name and not metric.class_name and metric.split != FOLDS:
            return metric.value
    return None


def improvement_of(metric: str, value: float, other: float) -> float:
    """Return by how much a value is better than another one; negative if it is worse."""
    return other - value if metric in _LOWER_IS_BETTER else value - other


def describe_incompatibility(
    new: tuple[Signature, tuple[str, ...]], old: tuple[Signature, tuple[str, ...]]
) -> str:
    """Say why callers of one model could not call another; empty if they could.

    Args:
        new: Signature and classes of the one that would answer.
        old: Those of the one that answers now.
    """
    for word, mine, theirs in (
        ("inputs", new[0].inputs, old[0].inputs),
        ("outputs", new[0].outputs, old[0].outputs),
    ):
        differing = {(it.name, it.datatype, it.shape) for it in mine}.symmetric_difference(
            (it.name, it.datatype, it.shape) for it in theirs
        )
        if differing:
            names = ", ".join(repr(name) for name in sorted({name for name, _, _ in differing})[:5])
            return f"the {word} differ: {names}"
    return "the classes differ" if new[1] != old[1] else ""


def judge(
    gate: Gate, task: Task, metrics: tuple[Metric, ...], number: int, contest: Contest
) -> PromotionOutcome:
    """Compare a version with the champion.

    Args:
        gate: What is asked for.
        task: What both do.
        metrics: The version's, on the holdout rows.
        number: The champion's version.
        contest: How the champion did on the same rows.
    """
    metric = choose_metric(gate.metric, task)
    ours, theirs = find_value(metrics, metric), find_value(contest.metrics, metric)
    moved = False
    if contest.fault:
        reason, message = contest.fault.reason, contest.fault.message
    elif ours is None or theirs is None:
        reason, message = "NOT_MEASURED", f"the holdout rows give no {metric} to compare"
    else:
        gain = improvement_of(metric, ours, theirs)
        moved = gain > 0 and gain >= gate.min_improvement
        reason = "BETTER" if moved else "NOT_BETTER"
        message = (
            f"{metric} is {ours:.6g}, that of version {number} {theirs:.6g}; an"
            f" improvement of {_name_least(gate.min_improvement)} is asked for"
        )
    return PromotionOutcome(moved, CHAMPION, reason, message, metric, ours, theirs, number)


def _name_least(min_improvement: float) -> str:
    return f"{min_improvement:g}" if min_improvement else "any size"


def is_legal_improvement(value: float) -> bool:
    """Tell whether a gate can ask for this."""
    return math.isfinite(value) and value >= 0
