"""gRPC reflection, v1 and v1alpha, over more than one descriptor pool."""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import aio as library

from modelyard.inference.v1 import inference_pb2

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
STANDARD_INFERENCE = "inference.GRPCInferenceService"


class Pools:
    """Looks descriptors up in several pools, the first that knows wins."""

    def __init__(self, pools: Sequence[DescriptorPool]) -> None:
        self._pools = pools

    def __getattr__(self, name: str) -> Any:
        """Make each look-up of a pool one over all of them."""

        def look_up(*arguments: Any) -> Any:
            for pool in self._pools:
                try:
                    return getattr(pool, name)(*arguments)
                except KeyError:
                    continue
            raise KeyError(arguments)

        return look_up


def add_reflection(server: aio.Server, services: Sequence[str]) -> None:
    """Offer reflection of these services, of the standard inference service and of itself."""
    pools = Pools([Default(), _standard_inference_pool(), _v1_pool()])
    names = [*services, STANDARD_INFERENCE, V1, V1ALPHA]
    servicer = library.ReflectionServicer(names, pools)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    # v1 has the same messages under another name, and the library does not offer it.
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(V1, handlers),))


def _standard_inference_pool() -> DescriptorPool:
    """Describe the inference service under its standard name.

    In a pool of its own: a program may use a stock client's stubs beside ours, and they
    define the same package in the default pool.
    """
    return _renamed(
        inference_pb2.DESCRIPTOR,
        "grpc_service.proto",
        {
            "modelyard.inference.v1": "inference",
            "InferenceService": "GRPCInferenceService",
        },
    )


def _v1_pool() -> DescriptorPool:
    return _renamed(
        reflection_pb2.DESCRIPTOR,
        "grpc/reflection/v1/reflection.proto",
        {"grpc.reflection.v1alpha": "grpc.reflection.v1"},
    )


def _renamed(descriptor: Any, file_name: str, names: dict[str, str]) -> DescriptorPool:
    """Make a pool with one file that needs no other, its package and services renamed."""
    file = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(file)
    old_package = file.package
    file.name = file_name
    file.package = names[old_package]
    for service in file.service:
        service.name = names.get(service.name, service.name)
        for method in service.method:
            method.input_type = _moved(method.input_type, old_package, file.package)
            method.output_type = _moved(method.output_type, old_package, file.package)
    for message in file.message_type:
        _move_fields(message, old_package, file.package)
    pool = DescriptorPool()
    pool.Add(file)
    return pool


def _move_fields(message: descriptor_pb2.DescriptorProto, old: str, new: str) -> None:
    for field in (field for field in message.field if field.type_name):
        field.type_name = _moved(field.type_name, old, new)
    for nested in message.nested_type:
        _move_fields(nested, old, new)


def _moved(type_name: str, old: str, new: str) -> str:
    prefix = f".{old}."
    return f".{new}.{type_name.removeprefix(prefix)}" if type_name.startswith(prefix) else type_name
