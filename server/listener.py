"""Which services and interceptors there are, in which order and why, and where they listen."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grpc import aio
from grpc_health.v1 import health_pb2_grpc

from modelyard.inference.v1 import inference_pb2_grpc
from modelyard.registry.v1 import registry_pb2_grpc
from modelyard.training.v1 import datasets_pb2_grpc, training_pb2_grpc
from registry.servicer import RegistryServicer
from server import express
from server.health import HealthServicer
from server.interceptors.around import AroundInterceptor
from server.interceptors.deadlines import DeadlinesInterceptor
from server.interceptors.errors import ErrorsInterceptor
from server.interceptors.logging import LoggingInterceptor
from server.interceptors.request_id import RequestIdInterceptor
from server.reflection import STANDARD_INFERENCE, add_reflection
from server.settings import Settings
from serving.servicer import InferenceServicer
from serving.typed.services import TypedServices
from training.dataset_servicer import DatasetServicer
from training.servicer import TrainingServicer

_OWN_DESCRIPTORS = 512

Server = Any
"""What has the registration surface of grpc.aio.Server: theirs, or ours in `express`."""

SERVICES = [
    "modelyard.registry.v1.RegistryService",
    "modelyard.training.v1.DatasetService",
    "modelyard.training.v1.TrainingService",
    "modelyard.inference.v1.InferenceService",
    STANDARD_INFERENCE,
]
"""Every service that health knows by name."""


@dataclass(frozen=True, slots=True)
class Servicers:
    """Who answers."""

    registry: RegistryServicer
    datasets: DatasetServicer
    training: TrainingServicer
    inference: InferenceServicer
    typed: TypedServices
    health: HealthServicer


def make_interceptors(settings: Settings) -> list[AroundInterceptor]:
    """List the interceptors, outermost first."""
    return [
        RequestIdInterceptor(),  # first, so that every later line and error carries the id
        LoggingInterceptor(),  # outside of errors, so that it sees the status they become
        ErrorsInterceptor(),  # outside of all that may refuse a call by raising
        DeadlinesInterceptor(settings.default_deadline_seconds),  # the handler's time only
    ]


def make_server(settings: Settings, servicers: Servicers, *, share_port: bool = False) -> Server:
    """Make a server with everything on it, not started and without a port.

    Args:
        settings: What the operator set.
        servicers: Who answers.
        share_port: Whether other processes listen on its port as well.
    """
    server = _TRANSPORTS[settings.transport](settings, share_port)
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(servicers.registry, server)
    datasets_pb2_grpc.add_DatasetServiceServicer_to_server(servicers.datasets, server)
    training_pb2_grpc.add_TrainingServiceServicer_to_server(servicers.training, server)
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(servicers.inference, server)
    _add_standard_inference(server, servicers.inference)
    server.add_generic_rpc_handlers((servicers.typed,))
    health_pb2_grpc.add_HealthServicer_to_server(servicers.health, server)
    if settings.reflection:
        names = [*SERVICES[:-1], "grpc.health.v1.Health"]
        add_reflection(server, names, servicers.typed)
    return server


def _make_express(settings: Settings, share_port: bool) -> express.ExpressServer:  # noqa: FBT001 - one form for both
    return express.server(
        interceptors=make_interceptors(settings),
        reuse_port=share_port,
        limits=express.Limits(
            message_bytes=settings.max_message_mb << 20, connections=_count_connections()
        ),
    )


def _count_connections() -> int:
    """Tell how many connections there may be: the process needs some descriptors itself.

    Without a descriptor left, a connection can be neither taken nor refused.
    """
    allowed = express.Limits().connections
    if sys.platform == "win32":
        return allowed
    import resource  # noqa: PLC0415 - is not there on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = allowed + _OWN_DESCRIPTORS
    if soft < wanted and (hard == resource.RLIM_INFINITY or hard > soft):
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(allowed, max(soft - _OWN_DESCRIPTORS, 1))


def _make_grpcio(settings: Settings, share_port: bool) -> aio.Server:  # noqa: FBT001 - the same
    most_bytes = settings.max_message_mb << 20
    return aio.server(
        interceptors=make_interceptors(settings),
        options=[
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.max_send_message_length", most_bytes),
            # Unless that is meant, a taken port is an error and not a second server.
            ("grpc.so_reuseport", int(share_port)),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.max_concurrent_streams", 1000),
        ],
    )


_TRANSPORTS: dict[str, Callable[[Settings, bool], Server]] = {
    "express": _make_express,
    "grpcio": _make_grpcio,
}


def _add_standard_inference(server: Server, servicer: InferenceServicer) -> None:
    """Register the inference handlers once more, under the name that stock clients use."""
    taken = _HandlerTaker()
    add: Callable[..., None] = inference_pb2_grpc.add_InferenceServiceServicer_to_server
    add(servicer, taken)
    server.add_registered_method_handlers(STANDARD_INFERENCE, taken.handlers)


class _HandlerTaker:
    """Stands in for a server to get hold of the handlers that generated code makes."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Take no notice: the same handlers come by name."""

    def add_registered_method_handlers(self, _service: str, handlers: dict[str, Any]) -> None:
        """Keep the handlers."""
        self.handlers = handlers
