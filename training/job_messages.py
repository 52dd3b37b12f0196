"""Messages of training jobs to values and back; pure functions."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pydantic import JsonValue

from modelyard.training.v1 import training_pb2 as pb
from registry.errors import FieldInvalid
from registry.messages import task_of, to_task
from registry.names import model_id_of, model_name, version_name
from registry.report_messages import to_fault, to_metrics
from registry.signature import Task
from registry.timestamps import to_timestamp
from training.catalog import TrainerSpec
from training.feature_messages import (
    feature_columns,
    feature_selection,
    to_feature,
    to_feature_selection,
)
from training.findings import Finding
from training.job import DEFAULT_QUEUE, Job, JobEvent, JobSpec
from training.learning_messages import (
    learning_of,
    scheme_of,
    target_of,
    to_calibration,
    to_evaluation,
)
from training.names import dataset_version_name, dataset_version_of, job_name, trainer_name
from training.promotion import Gate, OnSuccess, PromotionOutcome
from training.search.spec import LOCAL, SearchSpec, Trial
from training.search_messages import search_spec, seconds_of, to_duration, to_search, to_trial

_DEFAULT_HOLDOUT = 0.2


def job_spec(message: pb.TrainingJob) -> JobSpec:
    """Read what a caller wants.

    Raises:
        FieldInvalid: Something has no legal form.
    """
    dataset_id, reference = dataset_version_of(
        message.dataset_version, "training_job.dataset_version"
    )
    return JobSpec(
        model_id=model_id_of(message.model, "training_job.model"),
        dataset_id=dataset_id,
        dataset_reference=reference,
        target=target_of(message),
        task=task_of(message.task),
        trainer=message.trainer,
        settings=_settings_of(message.settings),
        features=feature_columns(message),
        feature_selection=feature_selection(message),
        holdout_fraction=message.holdout_fraction or _DEFAULT_HOLDOUT,
        seed=message.seed,
        evaluation=scheme_of(message.evaluation),
        learning=learning_of(message),
        labels=dict(message.labels),
        queue=message.queue or DEFAULT_QUEUE,
        priority=message.priority,
        memory_mb=message.limits.memory_mb,
        seconds=seconds_of(message.limits.time),
        max_attempts=message.max_attempts,
        on_success=_on_success_of(message.on_success),
        search=_search_of(message),
    )


def _search_of(message: pb.TrainingJob) -> SearchSpec | None:
    if message.HasField("search"):
        return search_spec(message.search, message.executor or LOCAL)
    if message.executor not in ("", LOCAL):
        raise FieldInvalid(
            f"the executor {message.executor[:100]!r} runs the trials of a search, and this job"
            " has no search; give it one, or leave executor empty",
            field="training_job.executor",
        )
    return None


def _on_success_of(message: pb.OnSuccess) -> OnSuccess:
    action = message.WhichOneof("action")
    if action == "promote":
        gate = Gate(message.promote.metric, message.promote.min_improvement)
        return OnSuccess(gate=gate)
    return OnSuccess(alias=message.alias)


def _settings_of(settings: Struct) -> dict[str, JsonValue]:
    """Read settings; a Struct knows only floating-point numbers, so whole ones become int."""
    try:
        plain = MessageToDict(settings)
    except ValueError:
        field = "training_job.settings"
        raise FieldInvalid("settings must be finite numbers, texts or lists", field=field) from None
    return {name: _whole(value) for name, value in plain.items()}


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def to_job(job: Job, trials: Sequence[Trial] = ()) -> pb.TrainingJob:
    """Write a job, with the trials of its search where they are shown."""
    spec = job.spec
    model_id, number = spec.model_id, job.version_number
    return pb.TrainingJob(
        name=job_name(job.job_id),
        state=pb.TrainingJob.State.Value(f"STATE_{job.state}"),
        model=model_name(model_id),
        dataset_version=dataset_version_name(spec.dataset_id, int(spec.dataset_reference)),
        target="" if spec.learning.targets else spec.target,
        task=to_task(spec.task),
        trainer=spec.trainer,
        settings=_to_struct(dict(spec.settings)),
        features=[to_feature(feature) for feature in spec.features],
        feature_selection=to_feature_selection(spec.feature_selection),
        holdout_fraction=spec.holdout_fraction,
        seed=spec.seed,
        labels=spec.labels,
        targets=spec.learning.targets,
        weight_column=spec.learning.weight_column,
        class_weights=spec.learning.class_weights,
        calibration=to_calibration(spec.learning.calibration),
        parity_tolerance=spec.learning.parity_tolerance,
        evaluation=to_evaluation(spec.evaluation),
        stage=job.stage,
        progress_percent=job.progress_percent,
        attempt=job.attempt,
        model_version=version_name(model_id, number) if number else "",
        fault=to_fault(job.fault) if job.fault else None,
        metrics=to_metrics(job.metrics),
        uid=job.uid,
        etag=job.etag,
        create_time=to_timestamp(job.create_time),
        start_time=to_timestamp(job.start_time),
        end_time=to_timestamp(job.end_time),
        update_time=to_timestamp(job.update_time),
        queue=spec.queue,
        priority=spec.priority,
        limits=pb.JobLimits(memory_mb=spec.memory_mb, time=to_duration(spec.seconds)),
        max_attempts=spec.max_attempts,
        on_success=_to_on_success(spec.on_success),
        promotion=_to_promotion(model_id, job.promotion) if job.promotion else None,
        search=to_search(spec.search) if spec.search else None,
        trials=[to_trial(trial) for trial in trials],
        executor=spec.search.executor if spec.search else "",
    )


def _to_on_success(wanted: OnSuccess) -> pb.OnSuccess | None:
    if wanted.gate:
        gate = pb.PromotionGate(
            metric=wanted.gate.metric, min_improvement=wanted.gate.min_improvement
        )
        return pb.OnSuccess(promote=gate)
    return pb.OnSuccess(alias=wanted.alias) if wanted.alias else None


def _to_promotion(model_id: str, outcome: PromotionOutcome) -> pb.PromotionOutcome:
    number = outcome.champion_number
    return pb.PromotionOutcome(
        moved=outcome.moved,
        alias=outcome.alias,
        reason=outcome.reason,
        message=outcome.message,
        metric=outcome.metric,
        value=outcome.value,
        champion_value=outcome.champion_value,
        champion=version_name(model_id, number) if number else "",
    )


def to_finding(finding: Finding) -> pb.Finding:
    """Write something to know about a job."""
    return pb.Finding(
        severity=pb.Finding.Severity.Value(f"SEVERITY_{finding.severity}"),
        field=finding.field,
        reason=finding.reason,
        message=finding.message,
        replacement=finding.replacement,
    )


def _to_struct(values: dict[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def to_event(event: JobEvent) -> pb.WatchTrainingJobResponse:
    """Write something that happened to a job."""
    return pb.WatchTrainingJobResponse(
        sequence=event.sequence,
        event_time=to_timestamp(event.event_time),
        state=pb.TrainingJob.State.Value(f"STATE_{event.state}"),
        stage=event.stage,
        progress_percent=event.progress_percent,
        message=event.message,
        attempt=event.attempt,
        level=pb.WatchTrainingJobResponse.Level.Value(f"LEVEL_{event.level}"),
        metrics=to_metrics(event.metrics),
        trial=to_trial(event.trial) if event.trial else None,
    )


def to_trainer(trainer: TrainerSpec) -> pb.Trainer:
    """Write what can be trained."""
    return pb.Trainer(
        id=trainer.id,
        description=trainer.description,
        tasks=[to_task(task) for task in Task if trainer.can_do(task)],
        settings_schema=_to_struct(trainer.settings.model_json_schema()),
        name=trainer_name(trainer.id),
        installed=trainer.is_installed,
        package=trainer.package,
        max_rows=trainer.max_rows or 0,
    )
