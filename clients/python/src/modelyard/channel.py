"""How a channel is set: sizes, keepalive, and which calls are repeated by themselves."""

import json

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from modelyard.inference.v1 import inference_pb2
from modelyard.registry.v1 import registry_pb2
from modelyard.training.v1 import datasets_pb2, training_pb2

DEFAULT_TARGET = "127.0.0.1:8001"

SERVICES: tuple[ServiceDescriptor, ...] = (
    registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    datasets_pb2.DESCRIPTOR.services_by_name["DatasetService"],
    training_pb2.DESCRIPTOR.services_by_name["TrainingService"],
    inference_pb2.DESCRIPTOR.services_by_name["InferenceService"],
)

_MESSAGE_BYTES = 64 * 2**20


def is_safe_to_repeat(method: MethodDescriptor) -> bool:
    """Tell whether a unary call has no effect, or one that its request id makes single."""
    if method.client_streaming or method.server_streaming:
        return False
    without_effect = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return without_effect or "request_id" in method.input_type.fields_by_name


def service_config() -> str:
    """Return the service config as JSON: what is repeated when the server is not there."""
    repeatable = [
        {"service": service.full_name, "method": method.name}
        for service in SERVICES
        for method in service.methods
        if is_safe_to_repeat(method)
    ]
    retry_policy = {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {
            "methodConfig": [{"name": repeatable, "retryPolicy": retry_policy}],
            "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
        }
    )


def channel_options() -> list[tuple[str, str | int]]:
    """Return the options of every channel, blocking or not."""
    return [
        ("grpc.service_config", service_config()),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        # A larger request is not kept, and so not repeated.
        ("grpc.per_rpc_retry_buffer_size", 4 * 2**20),
        # A watch can be silent for long; this finds a dead peer within 70 seconds.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def open_blocking(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """Open a blocking channel; without credentials it is plain text."""
    if credentials is None:
        return grpc.insecure_channel(target, channel_options())
    return grpc.secure_channel(target, credentials, channel_options())


def open_asyncio(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Open an asyncio channel on the running loop; without credentials it is plain text."""
    if credentials is None:
        return grpc.aio.insecure_channel(target, channel_options())
    return grpc.aio.secure_channel(target, credentials, channel_options())
