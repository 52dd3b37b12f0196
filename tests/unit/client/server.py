"""A server in this process, over a `Yard`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from modelyard.inference.v1.inference_pb2_grpc import add_InferenceServiceServicer_to_server
from modelyard.registry.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server
from modelyard.training.v1.datasets_pb2_grpc import add_DatasetServiceServicer_to_server
from modelyard.training.v1.training_pb2_grpc import add_TrainingServiceServicer_to_server
from tests.unit.client.dataset_servicer import Datasets
from tests.unit.client.servicer import Inference, Registry, Training
from tests.unit.client.yard import Yard

# What they leave out answers UNIMPLEMENTED; only their type stubs call that abstract.
SERVICES: list[tuple[Any, Any]] = [
    (Registry, add_RegistryServiceServicer_to_server),
    (Datasets, add_DatasetServiceServicer_to_server),
    (Training, add_TrainingServiceServicer_to_server),
    (Inference, add_InferenceServiceServicer_to_server),
]


@contextmanager
def serving(
    yard: Yard,
    credentials: grpc.ServerCredentials | None = None,
    healths: health.HealthServicer | None = None,
    address: str = "127.0.0.1:0",
) -> Iterator[str]:
    """Serve on a free port, and say on which."""
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    for make, add in SERVICES:
        add(make(yard), server)
    if healths is not None:
        health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()
