"""What can go wrong in serving. `server/status.py` says what each becomes on the wire."""

from collections.abc import Sequence

from registry.errors import DomainError


class TensorInvalid(DomainError):
    """A tensor does not fit the model's signature; nothing was run."""


class InputInvalid(DomainError):
    """A typed request does not fit the model; nothing was run.

    Args:
        violations: Pairs of a field at fault and what is wrong with it; at least one.
    """

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        field, problem = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(f"{field}: {problem}{more}", field=field)
        self._violations = tuple(violations)

    @property
    def violations(self) -> tuple[tuple[str, str], ...]:
        """Every field at fault."""
        return self._violations


class InputContractViolated(InputInvalid):
    """A typed request is unlike what training saw, and its model asks for a refusal of such."""


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
