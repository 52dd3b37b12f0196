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


class NotOffered(DomainError):
    """The protocol has it and this server does not; the text says what to do instead."""


class WaitTimeout(DomainError):
    """A request waited longer than its `timeout` parameter allows; nothing was run."""


class RegionNotFound(DomainError):
    """No shared memory region of that name is registered."""


class RunQueueFull(DomainError):
    """More slow calls wait for a thread than may; the call may be repeated."""


class BatchQueueFull(DomainError):
    """More calls wait to be joined than the model can run; the call may be repeated."""
