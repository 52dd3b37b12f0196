"""Our messages against those of a stock client: what both have is the same on the wire."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

from modelyard.inference.v1 import (
    inference_pb2,
    model_config_pb2,
    repository_pb2,
    settings_pb2,
    shared_memory_pb2,
    statistics_pb2,
)
from tests.support.server_process import STOCK_PYTHON

Field = descriptor_pb2.FieldDescriptorProto
OURS = (
    inference_pb2,
    model_config_pb2,
    repository_pb2,
    settings_pb2,
    shared_memory_pb2,
    statistics_pb2,
)


class Described:
    """Everything in some files that matters on the wire, without the package's name."""

    def __init__(self, files: list[descriptor_pb2.FileDescriptorProto]) -> None:
        self.fields: dict[tuple[str, str], object] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.methods: dict[str, object] = {}
        for file in files:
            for message in file.message_type:
                self._add_message("", message, file.package)
            self._add_enums("", file.enum_type)
            for service in file.service:
                self.methods |= dict(_methods(service, file.package))

    def _add_message(
        self, outer: str, message: descriptor_pb2.DescriptorProto, package: str
    ) -> None:
        name = f"{outer}{message.name}"
        for field in message.field:
            oneof = (
                message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
            )
            self.fields[name, field.name] = (
                field.number,
                Field.Type.Name(field.type),
                Field.Label.Name(field.label),
                field.type_name.removeprefix(f".{package}."),
                oneof,
                field.proto3_optional,
            )
        self._add_enums(f"{name}.", message.enum_type)
        for nested in message.nested_type:
            self._add_message(f"{name}.", nested, package)

    def _add_enums(self, outer: str, enums: Iterable[descriptor_pb2.EnumDescriptorProto]) -> None:
        for enum in enums:
            self.enums[f"{outer}{enum.name}"] = {v.name: v.number for v in enum.value}


def _methods(
    service: descriptor_pb2.ServiceDescriptorProto, package: str
) -> Iterator[tuple[str, object]]:
    for method in service.method:
        types = [t.removeprefix(f".{package}.") for t in (method.input_type, method.output_type)]
        yield method.name, (*types, method.client_streaming, method.server_streaming)


@pytest.fixture(scope="module")
def theirs() -> Described:
    script = Path(__file__).parent / "stock" / "describe_triton.py"
    done = subprocess.run([str(STOCK_PYTHON), str(script)], capture_output=True, check=True)
    return Described(list(descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file))


@pytest.fixture(scope="module")
def ours() -> Described:
    files = []
    for module in OURS:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return Described(files)


def test_every_field_that_both_have_is_the_same(ours: Described, theirs: Described) -> None:
    both = ours.fields.keys() & theirs.fields.keys()
    assert len(both) > 200
    assert {key: ours.fields[key] for key in both} == {key: theirs.fields[key] for key in both}


def test_we_have_nothing_that_they_lack(ours: Described, theirs: Described) -> None:
    assert ours.fields.keys() - theirs.fields.keys() == set()
    assert ours.enums.keys() - theirs.enums.keys() == set()


def test_only_parts_of_the_configuration_are_left_out(ours: Described, theirs: Described) -> None:
    missing = {message for message, _ in theirs.fields.keys() - ours.fields.keys()}
    assert not [name for name in missing if not name.startswith(("Model", "Batch"))]
    assert not [n for n in missing if n.startswith(("ModelInfer", "ModelStream", "ModelStat"))]


def test_enums_are_the_same(ours: Described, theirs: Described) -> None:
    assert ours.enums == {name: theirs.enums[name] for name in ours.enums}
    assert "DataType" in ours.enums


def test_methods_are_the_same(ours: Described, theirs: Described) -> None:
    assert ours.methods == theirs.methods
    assert len(ours.methods) == 20
