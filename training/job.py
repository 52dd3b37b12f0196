"""What a training job is: what is wanted, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from registry.reports import Fault, Metric
from registry.signature import Task
from training.evaluation.scheme import DEFAULT, Scheme
from training.feature_steps import FeatureColumn, FeatureSelection
from training.learning import Learning
from training.states import JobState


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


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is kept; the spec's dataset reference is the exact number."""

    job_id: str
    uid: str
    etag: str
    spec: JobSpec
    state: JobState
    stage: str
    progress_percent: int
    attempt: int
    version_number: int | None
    fault: Fault | None
    metrics: tuple[Metric, ...]
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
