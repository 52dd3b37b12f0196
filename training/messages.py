"""Messages of training to values and back; pure functions."""

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pydantic import JsonValue

from modelyard.training.v1 import datasets_pb2 as tables_pb
from modelyard.training.v1 import training_pb2 as pb
from registry.errors import FieldInvalid
from registry.messages import role_of, task_of, to_fault, to_metrics, to_role, to_task, to_timestamp
from registry.names import model_id_of, model_name, version_name
from training.catalog import TrainerSpec
from training.columns import Column, TableFormat
from training.datasets import Dataset, DatasetDraft, DatasetVersion
from training.evaluation.scheme import Scheme, SplitKind
from training.fitting import FeatureColumn
from training.job import Job, JobEvent, JobSpec
from training.names import dataset_name, dataset_version_name, dataset_version_of, job_name

_DEFAULT_HOLDOUT = 0.2


def dataset_draft(message: tables_pb.Dataset) -> DatasetDraft:
    """Read what a caller says of a dataset."""
    return DatasetDraft(message.display_name, message.description, dict(message.labels))


def to_dataset(dataset: Dataset) -> tables_pb.Dataset:
    """Write a dataset."""
    return tables_pb.Dataset(
        name=dataset_name(dataset.dataset_id),
        display_name=dataset.draft.display_name,
        description=dataset.draft.description,
        labels=dataset.draft.labels,
        uid=dataset.uid,
        etag=dataset.etag,
        create_time=to_timestamp(dataset.create_time),
        update_time=to_timestamp(dataset.update_time),
    )


def format_of(value: int) -> TableFormat | None:
    """Read a table's form; unspecified is None.

    Raises:
        FieldInvalid: The number means nothing.
    """
    if value == tables_pb.TABLE_FORMAT_UNSPECIFIED:
        return None
    if value not in tables_pb.TableFormat.values():
        raise FieldInvalid(f"format has no value {value}", field="header.format")
    name = tables_pb.TableFormat.Name(tables_pb.TableFormat.ValueType(value))
    return TableFormat[name.removeprefix("TABLE_FORMAT_")]


def to_dataset_version(version: DatasetVersion) -> tables_pb.DatasetVersion:
    """Write a table."""
    form = f"TABLE_FORMAT_{version.format.name}" if version.format else "TABLE_FORMAT_UNSPECIFIED"
    return tables_pb.DatasetVersion(
        name=dataset_version_name(version.dataset_id, version.number),
        state=tables_pb.DatasetVersion.State.Value(f"STATE_{version.state}"),
        format=tables_pb.TableFormat.Value(form),
        sha256=version.stored.sha256,
        size_bytes=version.stored.size_bytes,
        row_count=version.table.row_count,
        columns=[_to_column(column) for column in version.table.columns],
        faults=[
            tables_pb.TableFault(reason=fault.reason, message=fault.message)
            for fault in version.faults
        ],
        create_time=to_timestamp(version.create_time),
    )


def _to_column(column: Column) -> tables_pb.Column:
    return tables_pb.Column(
        name=column.name,
        type=tables_pb.ColumnType.Value(f"COLUMN_TYPE_{column.type.name}"),
        missing_count=column.missing_count,
        distinct_count=column.distinct_count,
        minimum=column.minimum,
        maximum=column.maximum,
        mean=column.mean,
        standard_deviation=column.standard_deviation,
        top_values=[
            tables_pb.ValueCount(value=value.value, count=value.count)
            for value in column.top_values
        ],
    )


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
        target=message.target,
        task=task_of(message.task),
        trainer=message.trainer,
        settings=_settings_of(message.settings),
        features=tuple(
            FeatureColumn(
                feature.column, role_of(feature.role, f"training_job.features[{position}].role")
            )
            for position, feature in enumerate(message.features)
        ),
        holdout_fraction=message.holdout_fraction or _DEFAULT_HOLDOUT,
        seed=message.seed,
        evaluation=_scheme(message.evaluation),
        labels=dict(message.labels),
    )


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
        target=spec.target,
        task=to_task(spec.task),
        trainer=spec.trainer,
        settings=_to_struct(dict(spec.settings)),
        features=[_to_feature(feature) for feature in spec.features],
        holdout_fraction=spec.holdout_fraction,
        seed=spec.seed,
        labels=spec.labels,
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


def _to_feature(feature: FeatureColumn) -> pb.Feature:
    return pb.Feature(column=feature.column, role=to_role(feature.role))


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
        tasks=[to_task(task) for task in trainer.tasks],
        settings_schema=_to_struct(trainer.settings.model_json_schema()),
    )
