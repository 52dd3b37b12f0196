import threading
from typing import Any

import grpc
import pytest

from modelyard import AsyncClient, Client, FieldViolation, ModelyardError
from modelyard.error import from_rpc_error
from tests.unit.client.yard import Context, Yard, details, fail, failing

TRAILER = "grpc-status-details-bin"


class Failed(grpc.RpcError):
    def __init__(self, *trailers: tuple[str, str | bytes]) -> None:
        self._trailers = trailers

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.INTERNAL

    def details(self) -> str:
        return ""

    def trailing_metadata(self) -> Any:
        return self._trailers


async def test_an_error_carries_everything_the_server_tells(
    client: AsyncClient, yard: Yard
) -> None:
    yard.before["CreateModel"] = [
        lambda context: fail(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "that is no id",
            "FIELD_INVALID",
            violations={"model_id": "must begin with a letter", "labels": "that is no id"},
            metadata={"model": "7"},
        )
    ]
    with pytest.raises(ModelyardError) as caught:
        await client.create_model("7")

    error = caught.value
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (error.message, error.reason) == ("that is no id", "FIELD_INVALID")
    assert error.violations[0] == FieldViolation("model_id", "must begin with a letter")
    assert (error.metadata, error.request_id) == ({"model": "7"}, "request-7")
    # A description that repeats the message is not said twice.
    assert str(error) == ("that is no id (INVALID_ARGUMENT)\n  model_id: must begin with a letter")
    assert error.__cause__ is None


def test_an_error_without_details_or_with_broken_ones_is_still_one() -> None:
    several: list[list[tuple[str, str | bytes]]]
    several = [[], [(TRAILER, b"\xff")], [("x-request-id", "abc")]]
    for trailers in several:
        error = from_rpc_error(Failed(*trailers))
        assert (error.code, error.reason) == (grpc.StatusCode.INTERNAL, "")
        assert str(error) == "the call failed without a word (INTERNAL)"
    assert error.request_id == "abc"


def test_only_our_own_domain_gives_a_reason() -> None:
    ours = from_rpc_error(Failed((TRAILER, details("SAID", {}, {"a": "b"}))))
    foreign = details("SAID", {}, {"a": "b"}).replace(b"modelyard", b"something")
    other = from_rpc_error(Failed((TRAILER, foreign)))
    assert (ours.reason, ours.metadata) == ("SAID", {"a": "b"})
    assert (other.reason, other.metadata) == ("", {})


async def test_ready_is_an_answer_even_without_a_server(client: AsyncClient, yard: Yard) -> None:
    assert await client.ready()
    yard.before["ServerReady"] = [failing(grpc.StatusCode.UNAVAILABLE)] * 4
    assert not await client.ready()
    yard.before["ServerReady"] = [failing(grpc.StatusCode.PERMISSION_DENIED)]
    with pytest.raises(ModelyardError):
        await client.ready()


def test_a_deadline_ends_a_call(target: str, yard: Yard) -> None:
    cancelled = threading.Event()

    def hang(context: Context) -> None:
        context.add_callback(cancelled.set)
        cancelled.wait(10)

    yard.before["ListModels"] = [hang]
    with Client(target, timeout_seconds=0.05) as client, pytest.raises(ModelyardError) as caught:
        client.list_models()
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert cancelled.wait(10)
