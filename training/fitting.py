"""What a fit is asked and what it answers: the files between a worker and its child.

The worker writes `request.json` into an empty folder, starts `python -m training.fit
FOLDER` with limits, reads progress from its standard output, one JSON object a line,
and finds `outcome.json` there at the end, beside the files of the version.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from registry.reports import Fault, Metric, ParityReport
from registry.signature import Role, Signature, Task
from training.columns import TableFormat
from training.promotion import Contest
from training.search.spec import SearchRequest, Trial

MODEL_FILE = "model.onnx"
CHAMPION_FILE = "champion.onnx"


class Level(StrEnum):
    """What kind of line a progress is in a log."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Rival:
    """The champion to compare with, beside its file in the folder."""

    signature: Signature
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """A column to learn from; role None is told from the table."""

    column: str
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class FitRequest:
    """One fit.

    Attributes:
        table_path: The table's file; the server's own path, never a caller's.
        table_format: Its form.
        target: The column to predict.
        task: What to do; None is told from the target.
        trainer: A key of `training.catalog.TRAINERS`; empty chooses for the task.
        settings: The trainer's settings, checked against its settings model.
        features: The columns to learn from; empty takes every usable one but the target.
        holdout_fraction: The part of the rows kept for evaluation, in (0, 1).
        seed: Seeds everything random.
        rival: The champion to compare with, if that is asked for.
        search: The settings to search for, if that is asked for.
    """

    table_path: str
    table_format: TableFormat
    target: str
    task: Task | None = None
    trainer: str = ""
    settings: dict[str, JsonValue] = field(default_factory=dict)
    features: tuple[FeatureColumn, ...] = ()
    holdout_fraction: float = 0.2
    seed: int = 0
    rival: Rival | None = None
    search: SearchRequest | None = None


@dataclass(frozen=True, slots=True)
class FitProgress:
    """One line of a fit's standard output.

    Attributes:
        stage: One of read, split, search, fit, evaluate, export, compare, parity.
        percent: How far the fit is, 0 to 100, never falling.
        message: For people.
        level: What kind of line it is.
        metrics: What was measured.
        trial: The trial of a search that it tells of.
    """

    stage: str
    percent: int
    message: str
    level: Level = Level.INFO
    metrics: tuple[Metric, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class FitOutcome:
    """What a fit found.

    Attributes:
        fault: Why there is no version to serve. With a parity report the version is
            registered as FAILED; without one there is no version.
        task: What was done.
        trainer: What did it.
        parameters: Every setting that was used, as text, defaults included.
        signature: What goes in and comes out; roles, categories and ranges included.
        classes: The classes as text, in the order of the probabilities.
        metrics: Measured on the holdout rows.
        parity: How far the ONNX graph is from the pipeline.
        libraries: Name to version of what made it.
        artifacts: The names of the files in the folder that belong to the version:
            model.onnx and golden-rows.json.
        contest: How the champion did on the same holdout rows, if that was asked for.
    """

    fault: Fault | None = None
    task: Task | None = None
    trainer: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    signature: Signature | None = None
    classes: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    parity: ParityReport | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    contest: Contest | None = None
