"""The transports that have to pass, each made with the same bounds."""

from collections.abc import Callable
from typing import Any

from grpc import aio

LARGEST_REQUEST = 256 << 10
STREAMS = 100


def make_grpcio() -> Any:
    """Make the reference."""
    return aio.server(
        options=[
            ("grpc.max_receive_message_length", LARGEST_REQUEST),
            ("grpc.max_concurrent_streams", STREAMS),
            ("grpc.so_reuseport", 0),
        ]
    )


TRANSPORTS: dict[str, Callable[[], Any]] = {"grpcio": make_grpcio}
