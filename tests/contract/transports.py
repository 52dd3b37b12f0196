"""The transports that have to pass, each made with the same bounds."""

from collections.abc import Callable
from typing import Any

from grpc import aio

from server.express.limits import Limits
from server.express.server import ExpressServer, server

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
    bounds = Limits(
        message_bytes=LARGEST_REQUEST, streams=STREAMS, header_bytes=HEADER_LIST
    )
    return server(limits=bounds)


TRANSPORTS: dict[str, Callable[[], Any]] = {"grpcio": make_grpcio, "express": make_express}
