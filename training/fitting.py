"""What a fit is asked and what it answers: the files between a worker and its child.

The worker writes `request.json` into an empty folder, starts `python -m training.fit
FOLDER` with limits, reads progress from its standard output, one JSON object a line,
and finds `outcome.json` there at the end, beside the files of the version.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from registry.reports import Fault, Metric, ParityReport
from registry.schema import ModelSchema
from registry.signature import Signature, Task
from training.columns import TableFormat
from training.evaluation.scheme import DEFAULT, Scheme
from training.feature_steps import FeatureColumn, FeatureSelection
from training.learning import Learning
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
class Origin:
    """What a version is for and where its table comes from, for its model card.

    Attributes:
        model_id: The model that gets the version.
        dataset_version: The table's resource name.
        dataset_sha256: The digest of its file, in hexadecimal.
        schemas: The typed services that the model has.
    """

    model_id: str = "model"
    dataset_version: str = ""
    dataset_sha256: str = ""
    schemas: tuple[ModelSchema, ...] = ()


@dataclass(frozen=True, slots=True)
class FitRequest:
    """One fit.

    Attributes:
        table_path: The table's file; the server's own path, never a caller's.
        table_format: Its form.
        target: The column to predict; of several the first.
        task: What to do; None is told from the target.
        trainer: A key of `training.catalog.TRAINERS`; empty chooses for the task.
        settings: The trainer's settings, checked against its settings model.
        features: The columns to learn from; empty takes every usable one but the target.
        feature_selection: Which columns of the matrix the estimator sees; None is all.
        holdout_fraction: The part of the rows kept for evaluation, in (0, 1).
        seed: Seeds everything random.
        learning: Several targets, weights, calibration, and how exact the graph must be.
        evaluation: How the version is evaluated.
        origin: What the model card says of where the version comes from.
        with_card: Whether plots and the model card are made, which takes about a second.
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
    feature_selection: FeatureSelection | None = None
    holdout_fraction: float = 0.2
    seed: int = 0
    rival: Rival | None = None
    search: SearchRequest | None = None
    learning: Learning = field(default_factory=Learning)
    evaluation: Scheme = DEFAULT
    origin: Origin = field(default_factory=Origin)
    with_card: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, one or several."""
        return self.learning.targets or (self.target,)


@dataclass(frozen=True, slots=True)
class FitProgress:
    """One line of a fit's standard output.

    Attributes:
        stage: One of read, split, search, fit, evaluate, export, compare, parity, card.
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
class FitFile:
    """A file of the version, in the fit's folder."""

    name: str
    mime_type: str


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
        classes: The classes as text, in the order of the probabilities; of a multilabel
            classification its targets.
        target_names: The columns that are predicted, in the order of the output.
        metrics: Measured on the holdout rows, then in folds if there are any.
        parity: How far the ONNX graph is from the pipeline.
        libraries: Name to version of what made it.
        artifacts: The files in the folder that belong to the version: the model, its golden
            rows, the evaluation, plots and the model card.
        contest: How the champion did on the same holdout rows, if that was asked for.
    """

    fault: Fault | None = None
    task: Task | None = None
    trainer: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    signature: Signature | None = None
    classes: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    parity: ParityReport | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[FitFile, ...] = ()
    contest: Contest | None = None
