"""What can go wrong in training. `server/status.py` says what each becomes on the wire."""

from registry.errors import DomainError


class DatasetNotFound(DomainError):
    """No such dataset."""


class DatasetAlreadyExists(DomainError):
    """The dataset id is taken."""


class DatasetVersionNotFound(DomainError):
    """No such version of the dataset."""


class DatasetInUse(DomainError):
    """An open training job uses the dataset or version."""


class DatasetNotEmpty(DomainError):
    """The dataset has versions."""


class ImportNotAllowed(DomainError):
    """The operator allows no import from there."""


class ImportFailed(DomainError):
    """Nothing could be fetched from there."""


class TableFileLost(DomainError):
    """The bytes of an upload were removed with another version before it was recorded."""


class TableInvalid(DomainError):
    """The table can't be read, or is over a limit."""


class TrainingJobNotFound(DomainError):
    """No such training job."""


class TrainingJobAlreadyExists(DomainError):
    """The training job id is taken."""


class TrainingJobStateInvalid(DomainError):
    """The job's state does not allow the call."""


class TrainerNotFound(DomainError):
    """No such trainer."""


class TrainerNotInstalled(DomainError):
    """The trainer needs a package that is not installed here."""


class StepNotExportable(DomainError):
    """A step of the features has no graph that answers as it does."""
