"""gRPC reflection, v1 and v1alpha, over more than one descriptor pool."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pool import Default, DescriptorPool
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import aio as library

from modelyard.inference.v1 import inference_pb2
from serving.typed.services import TypedServices

V1 = "grpc.reflection.v1.ServerReflection"
V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
STANDARD_INFERENCE = "inference.GRPCInferenceService"


class Pools:
    """Looks descriptors up in several pools, the first that knows wins.

    Args:
        pools: Those that stay.
        typed: Has a pool for each of its services.
    """

    def __init__(self, pools: Sequence[DescriptorPool], typed: TypedServices) -> None:
        self._pools = pools
        self._typed = typed

    def __getattr__(self, name: str) -> Any:
        """Make each look-up of a pool one over all of them."""

        def look_up(*arguments: Any) -> Any:
            for pool in (*self._pools, *self._find_typed(arguments[0])):
                try:
                    return getattr(pool, name)(*arguments)
                except KeyError:
                    continue
            raise KeyError(arguments)

        return look_up

    def _find_typed(self, subject: Any) -> list[DescriptorPool]:
        with suppress(KeyError):
            # Extensions are asked for by their message's descriptor; typed services have none.
            return [self._typed.find_pool(subject)] if isinstance(subject, str) else []
        return []


class _Servicer(library.ReflectionServicer):
    """Answers reflection, of services that come and go as well."""

    def __init__(self, services: Sequence[str], pools: Pools, typed: TypedServices) -> None:
        super().__init__(services, pools)
        self._static_names = services
        self._typed = typed

    def _list_services(self, request: Any) -> Any:
        self._service_names = sorted([*self._static_names, *self._typed.list_names()])
        return super()._list_services(request)


def add_reflection(server: aio.Server, services: Sequence[str], typed: TypedServices) -> None:
    """Offer reflection of these services, of typed ones, of the standard one and of itself."""
    pools = Pools([Default(), _standard_inference_pool(), _v1_pool()], typed)
    servicer = _Servicer([*services, STANDARD_INFERENCE, V1, V1ALPHA], pools, typed)
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
        {"modelyard.inference.v1": "inference", "InferenceService": "GRPCInferenceService"},
        {"modelyard/inference/v1/": "inference/"},
    )


def _v1_pool() -> DescriptorPool:
    return _renamed(
        reflection_pb2.DESCRIPTOR,
        {"grpc.reflection.v1alpha": "grpc.reflection.v1"},
        {"grpc_reflection/v1alpha/": "grpc/reflection/v1/"},
    )


def _renamed(
    descriptor: FileDescriptor, names: dict[str, str], folders: dict[str, str]
) -> DescriptorPool:
    """Make a pool with a file and those it needs, under other names.

    Args:
        descriptor: The file. All that it needs, directly or not, is of its own package.
        names: The new names of packages and services.
        folders: The new names of the folders that files are in.
    """
    pool = DescriptorPool()
    for file in _files_in_order(descriptor):
        copy = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(copy)
        _rename_file(copy, names, folders)
        pool.Add(copy)
    return pool


def _files_in_order(descriptor: FileDescriptor) -> list[FileDescriptor]:
    """List a file after all that it needs, each once."""
    files: dict[str, FileDescriptor] = {}
    for needed in descriptor.dependencies:
        files |= {file.name: file for file in _files_in_order(needed)}
    return [*files.values(), descriptor]


def _rename_file(
    file: descriptor_pb2.FileDescriptorProto, names: dict[str, str], folders: dict[str, str]
) -> None:
    old_package, file.package = file.package, names[file.package]
    file.name = _moved(file.name, folders)
    file.dependency[:] = [_moved(name, folders) for name in file.dependency]
    prefixes = {f".{old_package}.": f".{file.package}."}
    for service in file.service:
        service.name = names.get(service.name, service.name)
        for method in service.method:
            method.input_type = _moved(method.input_type, prefixes)
            method.output_type = _moved(method.output_type, prefixes)
    for message in file.message_type:
        _move_fields(message, prefixes)


def _move_fields(message: descriptor_pb2.DescriptorProto, prefixes: dict[str, str]) -> None:
    for field in (field for field in message.field if field.type_name):
        field.type_name = _moved(field.type_name, prefixes)
    for nested in message.nested_type:
        _move_fields(nested, prefixes)


def _moved(name: str, prefixes: dict[str, str]) -> str:
    """Give a name another beginning, if it has one of these."""
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
