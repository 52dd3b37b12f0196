"""What a training job may be asked for, and its message."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict, Unpack

from google.protobuf.duration_pb2 import Duration

from modelyard.names import ModelRef, TableRef, model_name, table_name
from modelyard.registry.v1.resources_pb2 import Task
from modelyard.training.v1.search_pb2 import Search
from modelyard.training.v1.training_pb2 import (
    Calibration,
    Evaluation,
    Feature,
    FeatureSelection,
    JobLimits,
    OnSuccess,
    TrainingJob,
)


class JobOptions(TypedDict, total=False):
    """What a training job may be asked for besides model, table and target.

    Attributes:
        task: What to do; told from the target when not given.
        trainer: The trainer's id; chosen for the task when empty.
        settings: The trainer's settings.
        features: The columns to learn from; all but the target when empty.
        holdout_fraction: The part of the rows kept for evaluation; 0 is 0.2.
        seed: Seeds everything random.
        labels: Free words to find the job by.
        queue: The queue that it waits in; empty is `default`.
        priority: Of the jobs in a queue the larger ones begin first; -100 to 100.
        memory_mb: MiB of memory that the fit may use; 0 is the server's bound.
        time: How long the fit may take; the server's bound when not given.
        max_attempts: How many attempts may end by no fault of the job; 0 is the bound.
        on_success: What becomes of the version besides being kept.
        search: Settings to search for; `modelyard.search` makes one.
        evaluation: How rows are divided, and in how many folds the version is evaluated.
        feature_selection: Which columns of the matrix that features become the trainer sees.
        weight_column: The column that says how much each row counts.
        class_weights: How much the rows of each class count in training, by its name.
        calibration: How probabilities are calibrated; not at all when not given.
        parity_tolerance: How far the ONNX graph may be from the pipeline; 0 is 1e-5.
        executor: Where the trials of the search run; `ray` is the server's Ray cluster.
    """

    task: Literal["classification", "regression", "multilabel_classification"] | None
    trainer: str
    settings: Mapping[str, Any] | None
    features: Sequence[str | Feature]
    holdout_fraction: float
    seed: int
    labels: Mapping[str, str] | None
    queue: str
    priority: int
    memory_mb: int
    time: timedelta | None
    max_attempts: int
    on_success: OnSuccess | None
    search: Search | None
    evaluation: Evaluation | None
    feature_selection: FeatureSelection | None
    weight_column: str
    class_weights: Mapping[str, float] | None
    calibration: Literal["sigmoid", "isotonic"] | None
    parity_tolerance: float
    executor: Literal["", "local", "ray"]


def training_job(
    model: ModelRef, dataset: TableRef, target: str | Sequence[str], **options: Unpack[JobOptions]
) -> TrainingJob:
    """Make the message of a job, for `validate_training_job` and `create_training_job`.

    Args:
        model: The model that gets the version; made if it does not exist.
        dataset: The table; a dataset alone means its latest version.
        target: The column to predict, or several.
        options: See `JobOptions`.
    """
    task = options.get("task")
    calibration = options.get("calibration") or "unspecified"
    job = TrainingJob(
        model=model_name(model),
        dataset_version=table_name(dataset),
        target=target if isinstance(target, str) else "",
        targets=() if isinstance(target, str) else target,
        task=Task.Value(f"TASK_{task.upper()}") if task else Task.TASK_UNSPECIFIED,
        trainer=options.get("trainer", ""),
        features=[
            Feature(column=it) if isinstance(it, str) else it for it in options.get("features", ())
        ],
        holdout_fraction=options.get("holdout_fraction", 0.0),
        seed=options.get("seed", 0),
        labels=options.get("labels"),
        queue=options.get("queue", ""),
        priority=options.get("priority", 0),
        limits=_limits(options),
        max_attempts=options.get("max_attempts", 0),
        on_success=options.get("on_success"),
        search=options.get("search"),
        evaluation=options.get("evaluation"),
        feature_selection=options.get("feature_selection"),
        weight_column=options.get("weight_column", ""),
        class_weights=options.get("class_weights"),
        calibration=Calibration.Value(f"CALIBRATION_{calibration.upper()}"),
        parity_tolerance=options.get("parity_tolerance", 0.0),
        executor=options.get("executor", ""),
    )
    if settings := options.get("settings"):
        job.settings.update(dict(settings))
    return job


def _limits(options: JobOptions) -> JobLimits | None:
    memory_mb, time = options.get("memory_mb", 0), options.get("time")
    if not (memory_mb or time):
        return None
    limits = JobLimits(memory_mb=memory_mb)
    if time:
        duration = Duration()
        duration.FromTimedelta(time)
        limits.time.CopyFrom(duration)
    return limits
