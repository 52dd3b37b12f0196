"""What a training job is: what is wanted, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from registry.reports import Fault, Metric
from registry.signature import Task
from training.evaluation.scheme import DEFAULT, Scheme
from training.feature_steps import FeatureColumn, FeatureSelection
from training.fitting import Level
from training.learning import MOST_TOLERANCE, Learning
from training.promotion import OnSuccess, PromotionOutcome
from training.search.spec import SearchSpec, Trial
from training.states import JobState

DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class JobBounds:
    """What a job may ask for at most; the operator's settings.

    Attributes:
        memory_mb: MiB of memory of a fit.
        seconds: Of a fit.
        max_attempts: How many attempts may end by no fault of the job.
        parity_tolerance: How far a graph may be from its pipeline.
        ray_table_mb: MiB of a table whose search runs on Ray; 0 if there is no cluster.
    """

    memory_mb: int = 8192
    seconds: float = 3600.0
    max_attempts: int = 5
    parity_tolerance: float = MOST_TOLERANCE
    ray_table_mb: int = 0


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is wanted.

    Attributes:
        model_id: The model that gets the version; made if it does not exist.
        dataset_id: The dataset.
        dataset_reference: A version's number, or `latest`.
        target: The column to predict; of several the first.
        task: What to do; None is told from the target.
        trainer: The trainer's id; empty chooses for the task.
        settings: The trainer's settings.
        features: The columns to learn from; empty takes every usable one.
        feature_selection: Which columns of the matrix are kept; None is all.
        holdout_fraction: The part of the rows kept for evaluation, in (0, 1).
        seed: Seeds everything random.
        evaluation: How the version is evaluated.
        labels: Free words.
        learning: Several targets, weights, calibration, and how exact the graph must be.
        queue: The queue that it waits in.
        priority: Which jobs of a queue begin first: the larger ones.
        memory_mb: MiB of memory of a fit; 0 is the operator's bound.
        seconds: Of a fit; 0 is the operator's bound.
        max_attempts: How many attempts may end by no fault of the job; 0 is the bound.
        on_success: What becomes of the version.
        search: The settings to search for.
    """

    model_id: str
    dataset_id: str
    dataset_reference: str
    target: str
    task: Task | None = None
    trainer: str = ""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    features: tuple[FeatureColumn, ...] = ()
    feature_selection: FeatureSelection | None = None
    holdout_fraction: float = 0.2
    seed: int = 0
    evaluation: Scheme = DEFAULT
    labels: Mapping[str, str] = field(default_factory=dict)
    learning: Learning = field(default_factory=Learning)
    queue: str = DEFAULT_QUEUE
    priority: int = 0
    memory_mb: int = 0
    seconds: float = 0.0
    max_attempts: int = 0
    on_success: OnSuccess = field(default_factory=OnSuccess)
    search: SearchSpec | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, one or several."""
        return self.learning.targets or (self.target,)


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is kept; the spec's dataset reference is the exact number.

    Its place tells where it stands in lists, and outlives it.
    """

    job_id: str
    uid: str
    etag: str
    place: str
    spec: JobSpec
    state: JobState
    stage: str
    progress_percent: int
    attempt: int
    version_number: int | None
    fault: Fault | None
    metrics: tuple[Metric, ...]
    promotion: PromotionOutcome | None
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    update_time: datetime


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job."""

    sequence: int
    event_time: datetime
    state: JobState
    stage: str
    progress_percent: int
    message: str
    attempt: int
    level: Level
    metrics: tuple[Metric, ...]
    trial: Trial | None
