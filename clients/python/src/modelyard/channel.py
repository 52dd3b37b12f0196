"""How a channel is set: sizes, keepalive, who gets the calls, and which are repeated."""

import json
from typing import Any

import grpc

from modelyard.retries import BUFFER_BYTES, REPEATABLE, retry_policy
from modelyard.security import Tls
from modelyard.targets import is_one_server

DEFAULT_TARGET = "127.0.0.1:8001"

_MESSAGE_BYTES = 64 * 2**20


def service_config(*, one_server: bool = True) -> str:
    """Return the service config as JSON: what is repeated, and how servers share the calls.

    Args:
        one_server: Whether there is only one. If not, the calls go to those in turn whose
            health is SERVING; a single one gets its calls whatever it says of itself.
    """
    paths = [path.split("/") for path in sorted(REPEATABLE)]
    names = [{"service": service, "method": method} for _, service, method in paths]
    config: dict[str, Any] = {
        "methodConfig": [{"name": names, "retryPolicy": retry_policy()}],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }
    if not one_server:
        config["loadBalancingConfig"] = [{"round_robin": {}}]
        config["healthCheckConfig"] = {"serviceName": ""}
    return json.dumps(config)


def channel_options(*, one_server: bool = True) -> list[tuple[str, str | int]]:
    """Return the options of every channel, blocking or not."""
    return [
        ("grpc.service_config", service_config(one_server=one_server)),
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        # A larger request is not kept by gRPC, and so not repeated by it.
        ("grpc.per_rpc_retry_buffer_size", BUFFER_BYTES),
        # A watch can be silent for long; this finds a dead peer within 70 seconds.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
    ]


def open_blocking(target: str, tls: Tls | None) -> grpc.Channel:
    """Open a blocking channel; without TLS it is plain text."""
    options = _options(target, tls)
    if tls is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, tls.credentials(), options)


def open_asyncio(target: str, tls: Tls | None) -> grpc.aio.Channel:
    """Open an asyncio channel on the running loop; without TLS it is plain text."""
    options = _options(target, tls)
    if tls is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, tls.credentials(), options)


def _options(target: str, tls: Tls | None) -> list[tuple[str, str | int]]:
    """Return the options of a channel to a target."""
    options = channel_options(one_server=is_one_server(target))
    if tls is not None and tls.server_name:
        options += [
            ("grpc.ssl_target_name_override", tls.server_name),
            ("grpc.default_authority", tls.server_name),
        ]
    return options
