"""The one exception of this package, and how it is read from a failed call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "modelyard"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is to blame, and why."""

    field: str
    description: str


class ModelyardError(Exception):
    """A call that failed, or would have: wrong rows are found before they are sent.

    Its text is for people; everything else is for programs.

    Attributes:
        message: What is wrong, in one sentence.
        code: The gRPC status code.
        reason: A name of `modelyard.errors.v1.Reason`; empty when no server answered.
        violations: The fields to blame, if any.
        metadata: Everything variable in the message, again.
        request_id: What to look for in the server's log; empty when not told.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        reason: str = "",
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.request_id = request_id

    def __str__(self) -> str:
        """Return the message, the fields to blame if it does not tell them, and the code."""
        lines = [f"{self.message} ({self.code.name})"]
        lines += [
            f"  {violation.field}: {violation.description}"
            for violation in self.violations
            if violation.description not in self.message
        ]
        return "\n".join(lines)


def invalid_rows(message: str) -> ModelyardError:
    """Make the error of rows that don't fit the model."""
    return ModelyardError(message, code=grpc.StatusCode.INVALID_ARGUMENT, reason="TENSOR_INVALID")


def from_rpc_error(error: grpc.RpcError) -> ModelyardError:
    """Read a failed call, with the google.rpc details in its trailers.

    Source: https://google.aip.dev/193 and the trailer `grpc-status-details-bin`.
    """
    call = cast("grpc.Call", error)
    trailers = dict(call.trailing_metadata() or ())
    details = _read_details(trailers.get("grpc-status-details-bin"))
    about = details.get("ErrorInfo", error_details_pb2.ErrorInfo())
    if about.domain != DOMAIN:
        about = error_details_pb2.ErrorInfo()
    blamed = details.get("BadRequest", error_details_pb2.BadRequest())
    request = details.get("RequestInfo", error_details_pb2.RequestInfo())
    return ModelyardError(
        call.details() or "the call failed without a word",
        code=call.code(),
        reason=about.reason,
        violations=[FieldViolation(it.field, it.description) for it in blamed.field_violations],
        metadata=about.metadata,
        request_id=request.request_id or str(trailers.get("x-request-id", "")),
    )


def _read_details(trailer: str | bytes | None) -> dict[str, Any]:
    """Return the first detail of each known type by the type's name."""
    try:
        status = status_pb2.Status.FromString(trailer or b"")
    except DecodeError:
        # A broken detail must not hide the error that it belongs to.
        return {}
    found: dict[str, Any] = {}
    for packed in status.details:
        kind = packed.TypeName().removeprefix("google.rpc.")
        if kind in {"ErrorInfo", "BadRequest", "RequestInfo"}:
            message = getattr(error_details_pb2, kind)()
            packed.Unpack(message)
            found.setdefault(kind, message)
    return found
