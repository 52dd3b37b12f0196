from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as details_pb
from google.rpc.status_pb2 import Status
from sqlalchemy.exc import OperationalError

from registry.errors import EtagMismatch, FieldInvalid, ModelNotFound
from server.status import Outcome, is_server_fault, outcome_of
from serving.errors import ModelLoading


def details_of(outcome: Outcome) -> dict[str, Any]:
    status = Status()
    status.ParseFromString(dict(outcome.trailers)["grpc-status-details-bin"])
    found: dict[str, Any] = {}
    for packed in status.details:
        for kind in (
            details_pb.ErrorInfo,
            details_pb.BadRequest,
            details_pb.RetryInfo,
            details_pb.RequestInfo,
        ):
            message = kind()
            if packed.Is(kind.DESCRIPTOR):
                packed.Unpack(message)
                found[kind.__name__] = message
    return found


def test_a_field_at_fault_is_named() -> None:
    outcome = outcome_of(FieldInvalid("must be a number", field="page_size"), "r1")
    assert (outcome.code, outcome.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    details = details_of(outcome)
    assert details["BadRequest"].field_violations[0].field == "page_size"
    assert details["ErrorInfo"].domain == "modelyard"
    assert details["RequestInfo"].request_id == "r1"


def test_what_the_message_varies_is_there_for_programs() -> None:
    error = ModelNotFound("there is no model 'x'", details={"model": "x"})
    assert details_of(outcome_of(error, ""))["ErrorInfo"].metadata == {"model": "x"}


def test_an_exception_of_nobody_says_nothing() -> None:
    outcome = outcome_of(ValueError("password=secret /etc/path"), "r2")
    assert (outcome.code, outcome.expected) == (grpc.StatusCode.INTERNAL, False)
    assert "secret" not in str(outcome)


def test_a_database_away_is_worth_a_repeat() -> None:
    outcome = outcome_of(OperationalError("select secret", {}, Exception("host=secret")), "")
    assert outcome.code == grpc.StatusCode.UNAVAILABLE
    assert "secret" not in str(outcome)
    assert dict(outcome.trailers)["grpc-retry-pushback-ms"] == "1000"
    assert details_of(outcome)["RetryInfo"].retry_delay.seconds == 1


def test_a_model_that_loads_is_worth_a_repeat_and_a_conflict_is_not() -> None:
    assert "grpc-retry-pushback-ms" in dict(outcome_of(ModelLoading("soon"), "").trailers)
    assert "grpc-retry-pushback-ms" not in dict(outcome_of(EtagMismatch("moved"), "").trailers)


def test_details_stay_small_enough_for_metadata() -> None:
    error = FieldInvalid("x" * 10_000, field="f" * 10_000, details={"k": "v" * 10_000})
    trailers = outcome_of(error, "r").trailers
    assert sum(len(key) + len(value) for key, value in trailers) < 6 * 1024


@pytest.mark.parametrize(
    ("code", "ours"),
    [(grpc.StatusCode.INTERNAL, True), (grpc.StatusCode.NOT_FOUND, False)],
)
def test_whose_fault_a_status_is(code: grpc.StatusCode, ours: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_server_fault(code) == ours
