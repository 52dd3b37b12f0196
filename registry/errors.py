"""What can go wrong in the registry, and the root of every domain error."""


class DomainError(Exception):
    """Something the caller can act on.

    The text is sent to the caller: it names the thing at fault and what to do next,
    and no path, query, secret or stack. `server/status.py` says which status code
    and reason a class becomes.

    Args:
        message: For people.
        field: The path of the request's field at fault, in the contract's spelling.
        details: Everything variable in the message, again, for programs.
    """

    def __init__(
        self, message: str, *, field: str | None = None, details: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.details = details or {}

    @property
    def violations(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a field at fault and what is wrong with it."""
        return ((self.field, self.message),) if self.field else ()


class FieldInvalid(DomainError):
    """A field of the request has no legal value."""


class StreamInvalid(DomainError):
    """A stream broke its protocol, such as a first message without a header."""


class RequestIdReused(DomainError):
    """A request id came again, with another request."""


class EtagMismatch(DomainError):
    """The resource is no longer what the caller saw."""


class ModelNotFound(DomainError):
    """No such model."""


class ModelAlreadyExists(DomainError):
    """The model id is taken."""


class VersionNotFound(DomainError):
    """No such version."""


class VersionStateInvalid(DomainError):
    """The version's state does not allow the call."""


class AliasNotFound(DomainError):
    """No such alias."""


class AliasAlreadyExists(DomainError):
    """The alias is taken."""


class SchemaNotFound(DomainError):
    """The model has no such typed service."""


class ArtifactNotFound(DomainError):
    """No such artifact."""


class ArtifactAlreadyExists(DomainError):
    """The artifact id is taken by other content."""


class DigestMismatch(DomainError):
    """The bytes that came are not the bytes that were promised."""


class UploadTooLarge(DomainError):
    """The upload is larger than this server allows."""


class ServerDraining(DomainError):
    """The server is stopping; another one, or this one later, will answer."""


class LimitExceeded(DomainError):
    """There are as many of something as the server can bear."""
