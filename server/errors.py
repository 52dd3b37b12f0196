"""What can go wrong in the process itself, whatever the call was about."""

from registry.errors import DomainError


class CannotStart(Exception):
    """The process can't do its work at all; the text tells the operator why."""


class DeadlineExceeded(DomainError):
    """The call took longer than it may."""


class ServiceNotFound(DomainError):
    """Health was asked for a service that this server does not have."""
