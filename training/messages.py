"""Messages of training jobs to values and back; pure functions."""

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
from training.evaluation.scheme import Scheme, SplitKind
from training.feature_messages import (
    feature_columns,
    feature_selection,
    to_feature,
    to_feature_selection,
)
from training.job import Job, JobEvent, JobSpec
from training.learning import DEFAULT_TOLERANCE, Calibration, Learning
from training.names import dataset_version_name, dataset_version_of, job_name, trainer_name

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
        target=_target_of(message),
        task=task_of(message.task),
        trainer=message.trainer,
        settings=_settings_of(message.settings),
        features=feature_columns(message),
        feature_selection=feature_selection(message),
        holdout_fraction=message.holdout_fraction or _DEFAULT_HOLDOUT,
        seed=message.seed,
        evaluation=_scheme(message.evaluation),
        labels=dict(message.labels),
        learning=_learning_of(message),
    )


def _target_of(message: pb.TrainingJob) -> str:
    """Read the target, of several the first."""
    if message.target and message.targets:
        raise FieldInvalid(
            "name one column as target, or several as targets, and not both",
            field="training_job.targets",
        )
    return message.targets[0] if message.targets else message.target


def _learning_of(message: pb.TrainingJob) -> Learning:
    return Learning(
        targets=tuple(message.targets) if len(message.targets) > 1 else (),
        weight_column=message.weight_column,
        class_weights=dict(message.class_weights),
        calibration=_calibration_of(message.calibration),
        parity_tolerance=message.parity_tolerance or DEFAULT_TOLERANCE,
    )


def _calibration_of(value: int) -> Calibration | None:
    if value == pb.CALIBRATION_UNSPECIFIED:
        return None
    if value not in pb.Calibration.values():
        field = "training_job.calibration"
        raise FieldInvalid(f"calibration has no value {value}", field=field)
    name = pb.Calibration.Name(pb.Calibration.ValueType(value))
    return Calibration[name.removeprefix("CALIBRATION_")]


def _to_calibration(calibration: Calibration | None) -> pb.Calibration.ValueType:
    if calibration is None:
        return pb.CALIBRATION_UNSPECIFIED
    return pb.Calibration.Value(f"CALIBRATION_{calibration.name}")


def _scheme(message: pb.Evaluation) -> Scheme:
    if message.split not in pb.Evaluation.Split.values():
        field = "training_job.evaluation.split"
        raise FieldInvalid(f"split has no value {message.split}", field=field)
    name = pb.Evaluation.Split.Name(message.split).removeprefix("SPLIT_")
    return Scheme(
        split=None if name == "UNSPECIFIED" else SplitKind[name],
        column=message.split_column,
        folds=message.folds,
        segment=message.segment_column,
    )


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


def to_job(job: Job) -> pb.TrainingJob:
    """Write a job."""
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
        calibration=_to_calibration(spec.learning.calibration),
        parity_tolerance=spec.learning.parity_tolerance,
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
        evaluation=_to_evaluation(spec.evaluation),
    )


def _to_evaluation(scheme: Scheme) -> pb.Evaluation:
    split = f"SPLIT_{scheme.split.name}" if scheme.split else "SPLIT_UNSPECIFIED"
    return pb.Evaluation(
        split=pb.Evaluation.Split.Value(split),
        split_column=scheme.column,
        folds=scheme.folds,
        segment_column=scheme.segment,
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
