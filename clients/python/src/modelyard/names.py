"""Resource names. An id, a full name and the resource itself all mean the same thing."""

from typing import TypeAlias

from modelyard.registry.v1.resources_pb2 import Model, ModelVersion
from modelyard.training.v1.datasets_pb2 import Dataset, DatasetVersion
from modelyard.training.v1.training_pb2 import Trainer, TrainingJob

ModelRef: TypeAlias = str | Model
VersionRef: TypeAlias = int | str | ModelVersion
DatasetRef: TypeAlias = str | Dataset
TableRef: TypeAlias = str | Dataset | DatasetVersion
JobRef: TypeAlias = str | TrainingJob
TrainerRef: TypeAlias = str | Trainer


def last_id(name: str) -> str:
    """Return the last part of a resource name: a version's number, a model's id.

    >>> last_id("models/penguins/versions/3")
    '3'
    """
    return name.rpartition("/")[2]


def model_name(model: ModelRef) -> str:
    """Return `models/{model}`."""
    return _named("models", model)


def version_id(version: VersionRef) -> str:
    """Return a version's number or alias as text."""
    return last_id(version.name if isinstance(version, ModelVersion) else str(version))


def version_name(model: ModelRef, version: VersionRef) -> str:
    """Return `models/{model}/versions/{version}`."""
    return f"{model_name(model)}/versions/{version_id(version)}"


def dataset_name(dataset: DatasetRef) -> str:
    """Return `datasets/{dataset}`."""
    return _named("datasets", dataset)


def table_name(table: TableRef) -> str:
    """Return `datasets/{dataset}/versions/{version}`; a dataset alone means its latest.

    >>> table_name("wine/versions/9")
    'datasets/wine/versions/9'
    """
    if isinstance(table, DatasetVersion):
        return table.name
    if isinstance(table, str) and "/versions/" in table:
        return _named("datasets", table)
    return f"{dataset_name(table)}/versions/latest"


def job_name(job: JobRef) -> str:
    """Return `trainingJobs/{training_job}`."""
    return _named("trainingJobs", job)


def trainer_name(trainer: TrainerRef) -> str:
    """Return `trainers/{trainer}`."""
    return _named("trainers", trainer)


def _named(collection: str, resource: str | Model | Dataset | TrainingJob | Trainer) -> str:
    """Return the name of a resource that may be given as its id, name or message."""
    name = resource if isinstance(resource, str) else resource.name
    return name if name.startswith(f"{collection}/") else f"{collection}/{name}"
