"""What is repeated while the server is not there, and by whom.

gRPC repeats calls by itself, as the service config says, for as long as it keeps their
request. A request larger than its buffer is not kept; this repeats it by the same rules.
"""

import random
from typing import Any, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message

from modelyard.inference.v1 import inference_pb2
from modelyard.registry.v1 import registry_pb2
from modelyard.training.v1 import datasets_pb2, training_pb2

SERVICES: tuple[ServiceDescriptor, ...] = (
    registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    datasets_pb2.DESCRIPTOR.services_by_name["DatasetService"],
    training_pb2.DESCRIPTOR.services_by_name["TrainingService"],
    inference_pb2.DESCRIPTOR.services_by_name["InferenceService"],
)

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
BUFFER_BYTES = 4 * 2**20

# The buffer also holds the call's metadata, so that it is full a little earlier.
_SURELY_KEPT_BYTES = BUFFER_BYTES - 64 * 2**10
_PUSHBACK = "grpc-retry-pushback-ms"


def is_safe_to_repeat(method: MethodDescriptor) -> bool:
    """Tell whether a unary call has no effect, or one that its request id makes single."""
    if method.client_streaming or method.server_streaming:
        return False
    without_effect = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return without_effect or "request_id" in method.input_type.fields_by_name


REPEATABLE: frozenset[str] = frozenset(
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    for method in service.methods
    if is_safe_to_repeat(method)
)
"""The paths of the methods that may be repeated."""


def retry_policy() -> dict[str, Any]:
    """Return the rules as a service config has them."""
    return {
        "maxAttempts": ATTEMPTS,
        "initialBackoff": f"{FIRST_PAUSE_SECONDS}s",
        "maxBackoff": f"{LONGEST_PAUSE_SECONDS}s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": [grpc.StatusCode.UNAVAILABLE.name],
    }


def pause_before_repeat(
    path: str, request: Message, error: grpc.RpcError, attempt: int
) -> float | None:
    """Return how many seconds to wait before a failed call is made again; None if never.

    Args:
        path: The method.
        request: What was sent.
        error: Why it failed.
        attempt: How often it was sent.
    """
    call = cast("grpc.Call", error)
    is_ours = (
        attempt < ATTEMPTS
        and call.code() is grpc.StatusCode.UNAVAILABLE
        and path in REPEATABLE
        and getattr(request, "request_id", None) != ""
        and request.ByteSize() > _SURELY_KEPT_BYTES
    )
    if not is_ours:
        return None
    pushback = dict(call.trailing_metadata() or ()).get(_PUSHBACK)
    if pushback is not None:
        # The server asks for a time, or with anything else for no repeat at all.
        return int(pushback) / 1000 if str(pushback).isdecimal() else None
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    spread = random.uniform(0.8, 1.2)  # noqa: S311  spreads load, guards nothing
    return pause * spread
