"""What can go wrong in serving. `server/status.py` says what each becomes on the wire."""

from registry.errors import DomainError


class TensorInvalid(DomainError):
    """A tensor does not fit the model's signature; nothing was run."""


class ModelNotServable(DomainError):
    """The version exists and can't be served; waiting does not help."""


class ModelLoading(DomainError):
    """The version is being loaded; the call may be repeated."""


class ModelRunFailed(DomainError):
    """The model failed on legal input."""


class BatchQueueFull(DomainError):
    """More calls wait to be joined than the model can run; the call may be repeated."""
