"""The transports that have to pass, each made with the same bounds."""

from collections.abc import Callable
from typing import Any

import pytest
from grpc import aio

from server.express import ExpressServer, Limits, server

LARGEST_REQUEST = 256 << 10
STREAMS = 100
HEADER_LIST = 16 << 10


def make_grpcio() -> Any:
    """Make the reference."""
    return aio.server(
        options=[
            ("grpc.max_receive_message_length", LARGEST_REQUEST),
            ("grpc.max_concurrent_streams", STREAMS),
            ("grpc.so_reuseport", 0),
        ]
    )


def make_express() -> ExpressServer:
    """Make our own."""
    bounds = Limits(message_bytes=LARGEST_REQUEST, streams=STREAMS, header_bytes=HEADER_LIST)
    return server(limits=bounds)


def make_guarded() -> ExpressServer:
    """Make our own with bounds so near that attacks reach them within a second or two."""
    bounds = Limits(
        message_bytes=LARGEST_REQUEST,
        streams=STREAMS,
        header_bytes=HEADER_LIST,
        connections=200,
        connection_held_bytes=8 << 20,
        held_bytes=32 << 20,
        handshake_seconds=1.0,
        request_seconds=1.0,
        stall_seconds=1.0,
        idle_seconds=3.0,
        keepalive_seconds=1.0,
        keepalive_timeout_seconds=1.0,
    )
    return server(limits=bounds)


TRANSPORTS: dict[str, Callable[[], Any]] = {"grpcio": make_grpcio, "express": make_express}
"""Those that the contract is checked on."""

SERVED = TRANSPORTS | {"guarded": make_guarded}
"""Those that a test may start, by name."""

express_only = pytest.mark.parametrize("transport", ["express"], indirect=True, scope="session")
"""For what the reference does not do; each use says what that is."""
