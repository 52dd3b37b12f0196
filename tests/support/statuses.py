"""What the details of a failed call say."""

from typing import Any

from google.rpc import error_details_pb2, status_pb2


def reason_of(error: Any) -> str:
    """Read the machine-readable reason of a status, for programs."""
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return str(info.reason)
