"""Resource names of training, read and written in one place."""

from registry.errors import FieldInvalid
from registry.names import LATEST, NUMBER_PATTERN, check_id, split_name


def dataset_id_of(name: str, field: str) -> str:
    """Read `datasets/{dataset}`."""
    (dataset_id,) = split_name(name, "datasets/{dataset}", field)
    return check_id(dataset_id, field)


def dataset_version_of(name: str, field: str) -> tuple[str, str]:
    """Read `datasets/{dataset}/versions/{version}`; `latest` may stand for the number."""
    dataset_id, version = split_name(name, "datasets/{dataset}/versions/{version}", field)
    if version != LATEST and not NUMBER_PATTERN.fullmatch(version):
        raise FieldInvalid(f"{field} must end in a version's number or in {LATEST!r}", field=field)
    return check_id(dataset_id, field), version


def numbered_dataset_version_of(name: str, field: str) -> tuple[str, int]:
    """Read `datasets/{dataset}/versions/{version}` where only a number will do."""
    dataset_id, version = dataset_version_of(name, field)
    if version == LATEST:
        raise FieldInvalid(f"{field} must end in a version's number", field=field)
    return dataset_id, int(version)


def job_id_of(name: str, field: str) -> str:
    """Read `trainingJobs/{training_job}`."""
    (job_id,) = split_name(name, "trainingJobs/{training_job}", field)
    return check_id(job_id, field)


def trainer_id_of(name: str, field: str) -> str:
    """Read `trainers/{trainer}`."""
    (trainer_id,) = split_name(name, "trainers/{trainer}", field)
    return check_id(trainer_id, field)


def dataset_name(dataset_id: str) -> str:
    """Write a dataset's name."""
    return f"datasets/{dataset_id}"


def dataset_version_name(dataset_id: str, number: int) -> str:
    """Write the name of a dataset's version."""
    return f"datasets/{dataset_id}/versions/{number}"


def job_name(job_id: str) -> str:
    """Write a training job's name."""
    return f"trainingJobs/{job_id}"


def trainer_name(trainer_id: str) -> str:
    """Write a trainer's name."""
    return f"trainers/{trainer_id}"
