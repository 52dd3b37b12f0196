"""The one table from exception class to status code, reason and retry advice.

An exception that is not in it becomes INTERNAL with a fixed text and an id to find it in
the log by; its own text never leaves. A test holds the table complete.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import grpc
import psycopg
import sqlalchemy.exc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details_pb
from google.rpc.status_pb2 import Status
from grpc import StatusCode

import registry.errors as registry_errors
import serving.errors as serving_errors
import training.errors as training_errors
from modelyard.errors.v1 import reason_pb2 as pb
from registry.errors import DomainError
from server.errors import DeadlineExceeded, ServiceNotFound

DOMAIN = "modelyard"
# gRPC drops metadata that is longer; 8 KiB are safe, and the message comes twice.
_MESSAGE_CHARACTERS = 1000
_METADATA_BYTES = 2000
_MOST_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """What an exception class becomes.

    Attributes:
        code: The status code.
        reason: The machine-readable reason.
        retry_seconds: After how long a repeat may help; None if it does not.
        text: The message, for exceptions whose own text must not leave.
    """

    code: StatusCode
    reason: pb.Reason.ValueType
    retry_seconds: float | None = None
    text: str = ""


_INTERNAL = Rule(
    StatusCode.INTERNAL,
    pb.REASON_INTERNAL,
    text="the server failed on this call; its log tells more under the request id",
)
_NO_DATABASE = Rule(
    StatusCode.UNAVAILABLE,
    pb.REASON_DATABASE_UNAVAILABLE,
    retry_seconds=1.0,
    text="the database does not answer; try again soon",
)

TABLE: dict[type[Exception], Rule] = {
    registry_errors.FieldInvalid: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_FIELD_INVALID),
    registry_errors.StreamInvalid: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_STREAM_INVALID),
    registry_errors.RequestIdReused: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_REQUEST_ID_REUSED),
    registry_errors.EtagMismatch: Rule(StatusCode.ABORTED, pb.REASON_ETAG_MISMATCH),
    registry_errors.ModelNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_MODEL_NOT_FOUND),
    registry_errors.ModelAlreadyExists: Rule(
        StatusCode.ALREADY_EXISTS, pb.REASON_MODEL_ALREADY_EXISTS
    ),
    registry_errors.VersionNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_VERSION_NOT_FOUND),
    registry_errors.VersionStateInvalid: Rule(
        StatusCode.FAILED_PRECONDITION, pb.REASON_VERSION_STATE_INVALID
    ),
    registry_errors.AliasNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_ALIAS_NOT_FOUND),
    registry_errors.AliasAlreadyExists: Rule(
        StatusCode.ALREADY_EXISTS, pb.REASON_ALIAS_ALREADY_EXISTS
    ),
    registry_errors.SchemaNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_SCHEMA_NOT_FOUND),
    registry_errors.ArtifactNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_ARTIFACT_NOT_FOUND),
    registry_errors.ArtifactAlreadyExists: Rule(
        StatusCode.ALREADY_EXISTS, pb.REASON_ARTIFACT_ALREADY_EXISTS
    ),
    registry_errors.DigestMismatch: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_DIGEST_MISMATCH),
    registry_errors.UploadTooLarge: Rule(StatusCode.RESOURCE_EXHAUSTED, pb.REASON_UPLOAD_TOO_LARGE),
    training_errors.DatasetNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_DATASET_NOT_FOUND),
    training_errors.DatasetAlreadyExists: Rule(
        StatusCode.ALREADY_EXISTS, pb.REASON_DATASET_ALREADY_EXISTS
    ),
    training_errors.DatasetVersionNotFound: Rule(
        StatusCode.NOT_FOUND, pb.REASON_DATASET_VERSION_NOT_FOUND
    ),
    training_errors.DatasetInUse: Rule(StatusCode.FAILED_PRECONDITION, pb.REASON_DATASET_IN_USE),
    training_errors.DatasetNotEmpty: Rule(
        StatusCode.FAILED_PRECONDITION, pb.REASON_DATASET_NOT_EMPTY
    ),
    training_errors.ImportNotAllowed: Rule(
        StatusCode.PERMISSION_DENIED, pb.REASON_IMPORT_NOT_ALLOWED
    ),
    training_errors.ImportFailed: Rule(StatusCode.FAILED_PRECONDITION, pb.REASON_IMPORT_FAILED),
    training_errors.TableFileLost: Rule(StatusCode.ABORTED, pb.REASON_TABLE_FILE_LOST),
    training_errors.TableInvalid: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_TABLE_INVALID),
    training_errors.TrainingJobNotFound: Rule(
        StatusCode.NOT_FOUND, pb.REASON_TRAINING_JOB_NOT_FOUND
    ),
    training_errors.TrainingJobAlreadyExists: Rule(
        StatusCode.ALREADY_EXISTS, pb.REASON_TRAINING_JOB_ALREADY_EXISTS
    ),
    training_errors.TrainingJobStateInvalid: Rule(
        StatusCode.FAILED_PRECONDITION, pb.REASON_TRAINING_JOB_STATE_INVALID
    ),
    training_errors.TrainerNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_TRAINER_NOT_FOUND),
    training_errors.TrainerNotInstalled: Rule(
        StatusCode.FAILED_PRECONDITION, pb.REASON_TRAINER_NOT_INSTALLED
    ),
    training_errors.StepNotExportable: Rule(
        StatusCode.INVALID_ARGUMENT, pb.REASON_STEP_NOT_EXPORTABLE
    ),
    serving_errors.TensorInvalid: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_TENSOR_INVALID),
    serving_errors.ModelNotServable: Rule(
        StatusCode.FAILED_PRECONDITION, pb.REASON_MODEL_NOT_SERVABLE
    ),
    serving_errors.ModelLoading: Rule(
        StatusCode.UNAVAILABLE, pb.REASON_MODEL_LOADING, retry_seconds=0.5
    ),
    serving_errors.ModelRunFailed: Rule(StatusCode.INTERNAL, pb.REASON_MODEL_RUN_FAILED),
    serving_errors.RunQueueFull: Rule(
        StatusCode.UNAVAILABLE, pb.REASON_RUN_QUEUE_FULL, retry_seconds=0.5
    ),
    serving_errors.BatchQueueFull: Rule(
        StatusCode.UNAVAILABLE, pb.REASON_BATCH_QUEUE_FULL, retry_seconds=0.1
    ),
    serving_errors.NotOffered: Rule(StatusCode.UNIMPLEMENTED, pb.REASON_UNIMPLEMENTED),
    serving_errors.WaitTimeout: Rule(StatusCode.DEADLINE_EXCEEDED, pb.REASON_WAIT_TIMEOUT),
    serving_errors.InputInvalid: Rule(StatusCode.INVALID_ARGUMENT, pb.REASON_INPUT_INVALID),
    serving_errors.InputContractViolated: Rule(
        StatusCode.INVALID_ARGUMENT, pb.REASON_INPUT_CONTRACT_VIOLATED
    ),
    serving_errors.RegionNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_REGION_NOT_FOUND),
    DeadlineExceeded: Rule(StatusCode.DEADLINE_EXCEEDED, pb.REASON_DEADLINE_EXCEEDED),
    registry_errors.ServerDraining: Rule(
        StatusCode.UNAVAILABLE, pb.REASON_SERVER_DRAINING, retry_seconds=1.0
    ),
    ServiceNotFound: Rule(StatusCode.NOT_FOUND, pb.REASON_SERVICE_NOT_FOUND),
    registry_errors.LimitExceeded: Rule(StatusCode.RESOURCE_EXHAUSTED, pb.REASON_LIMIT_EXCEEDED),
    NotImplementedError: Rule(
        StatusCode.UNIMPLEMENTED, pb.REASON_UNIMPLEMENTED, text="this server lacks this RPC"
    ),
    # The last net for values that no column takes, such as text with a NUL character.
    sqlalchemy.exc.DataError: Rule(
        StatusCode.INVALID_ARGUMENT,
        pb.REASON_FIELD_INVALID,
        text="the request has a value that can't be kept, such as a text with a NUL character"
        " or a number that is not finite",
    ),
    # What the database's driver raises when there is no database.
    sqlalchemy.exc.OperationalError: _NO_DATABASE,
    sqlalchemy.exc.InterfaceError: _NO_DATABASE,
    sqlalchemy.exc.TimeoutError: _NO_DATABASE,
    psycopg.OperationalError: _NO_DATABASE,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a failed call is answered.

    Attributes:
        code: The status code.
        message: For people.
        reason: For programs.
        trailers: The metadata that carries the details.
        expected: Whether the exception is in the table; if not, it is a fault of ours.
    """

    code: StatusCode
    message: str
    reason: str
    trailers: tuple[tuple[str, str | bytes], ...] = field(default=())
    expected: bool = True


def outcome_of(error: Exception, request_id: str) -> Outcome:
    """Say how a call that raised is answered."""
    rule = find_rule(error)
    message = rule.text or (error.message if isinstance(error, DomainError) else "")
    message = message[:_MESSAGE_CHARACTERS]
    reason = pb.Reason.Name(rule.reason).removeprefix("REASON_")
    status = Status(code=rule.code.value[0], message=message)
    for detail in _details(error, rule, reason, request_id):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    trailers: list[tuple[str, str | bytes]] = [
        ("grpc-status-details-bin", status.SerializeToString())
    ]
    if rule.retry_seconds is not None:
        trailers.append(("grpc-retry-pushback-ms", str(int(rule.retry_seconds * 1000))))
    return Outcome(rule.code, message, reason, tuple(trailers), rule is not _INTERNAL)


def find_rule(error: Exception) -> Rule:
    """Find the rule of an exception: that of its class, or of the nearest base class."""
    for class_ in type(error).__mro__:
        if class_ in TABLE:
            return TABLE[class_]
    return _INTERNAL


def _details(error: Exception, rule: Rule, reason: str, request_id: str) -> list[Message]:
    details: list[Message] = [
        details_pb.ErrorInfo(reason=reason, domain=DOMAIN, metadata=_metadata(error)),
        details_pb.RequestInfo(request_id=request_id),
    ]
    if isinstance(error, DomainError) and error.violations:
        details.append(_bad_request(error, reason))
    if rule.retry_seconds is not None:
        delay = Duration(nanos=int(rule.retry_seconds % 1 * 1e9), seconds=int(rule.retry_seconds))
        details.append(details_pb.RetryInfo(retry_delay=delay))
    return details


def _bad_request(error: DomainError, reason: str) -> Any:
    request = details_pb.BadRequest()
    for path, description in error.violations[:_MOST_VIOLATIONS]:
        request.field_violations.add(
            field=path[:200], description=description[:_MESSAGE_CHARACTERS], reason=reason
        )
        if len(request.field_violations) > 1 and request.ByteSize() > _METADATA_BYTES:
            del request.field_violations[-1]
            break
    return request


def _metadata(error: Exception) -> dict[str, str]:
    if not isinstance(error, DomainError):
        return {}
    fits = len(json.dumps(error.details)) <= _METADATA_BYTES
    return error.details if fits else {}


def is_server_fault(code: grpc.StatusCode) -> bool:
    """Tell whether a status is the server's fault, by OpenTelemetry's list."""
    return code in {
        StatusCode.UNKNOWN,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.UNIMPLEMENTED,
        StatusCode.INTERNAL,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
