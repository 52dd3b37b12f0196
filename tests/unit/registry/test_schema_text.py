"""The text, the descriptor and what protoc and buf make of the text are the same."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from registry.schema import ModelSchema, read_shape
from registry.schema_changes import choose_schema
from registry.schema_descriptors import build_file
from registry.schema_text import write_proto
from registry.signature import Signature, TensorSpec

LINT = '{"version": "v2", "lint": {"use": ["STANDARD"]}}'
PENGUINS = Signature(
    (
        TensorSpec("island", "BYTES", (-1, 1), categories=("Biscoe", "Dream\n*/ // evil", "")),
        TensorSpec("bill_length_mm", "FP32", (-1, 1), minimum=32.1, maximum=59.6),
        TensorSpec("year", "INT64", (-1, 1)),
        TensorSpec("ringed", "BOOL", (-1, 1)),
    ),
    (TensorSpec("label", "BYTES", (-1,)), TensorSpec("probabilities", "FP32", (-1, 3))),
)
_TYPES = ("BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64")
_NAMES = (
    *("Sepal Length (cm)", 'we"ird\\', "体重", "explain", "_x", "x", "billDepth", "[a", "2nd"),
    *(
        "a__b",
        "b_1c",
        "c_",
        "HasField",
        "None",
        "line\nbreak",
        "e.f",
        "DESCRIPTOR",
        "ProbabilitiesEntry",
    ),
    *("message", "optional", "string", "map", "rpc", "inf", "true", "reserved", "oneof", "enum"),
    *("repeated", "group", "option", "extensions", "syntax", "import", "public", "max", "to"),
)
ODD = Signature(
    (
        *(TensorSpec(name, _TYPES[i % 9], (-1, 1)) for i, name in enumerate(_NAMES)),
        TensorSpec("wide", "UINT8", (-1, 30)),
        TensorSpec("deep", "UINT64", (-1, 2, 2)),
    ),
    (TensorSpec("out put", "INT64", (-1, 3)), TensorSpec("value", "FP32", (-1, 1))),
)


def schema_of(model_id: str, signature: Signature, classes: tuple[str, ...]) -> ModelSchema:
    shape = read_shape(signature, classes)
    assert shape
    schema = choose_schema(model_id, [], shape)
    assert schema
    return schema


@pytest.mark.parametrize(
    ("model_id", "signature", "classes"),
    [
        ("penguins", PENGUINS, ("a", "b", "c")),
        ("a--1b-c", ODD, ()),
        ("warning", ODD, ()),
    ],
)
def test_protoc_reads_the_text_as_the_descriptor_and_buf_has_no_objection(
    model_id: str, signature: Signature, classes: tuple[str, ...], tmp_path: Path
) -> None:
    schema = schema_of(model_id, signature, classes)
    file = build_file(schema)
    path = tmp_path / file.name
    path.parent.mkdir(parents=True)
    path.write_text(write_proto(schema, {spec.name: spec for spec in signature.inputs}))
    image = tmp_path / "image.binpb"
    arguments = [f"-I{tmp_path}", f"--descriptor_set_out={image}", file.name]
    assert protoc.main(["protoc", *arguments]) == 0
    (read,) = FileDescriptorSet.FromString(image.read_bytes()).file
    assert comparable(read) == comparable(file)

    buf = Path(sys.executable).with_name("buf")
    for command in (["lint", "--config", LINT], ["build", "-o", "/dev/null"], ["format", "-d"]):
        done = subprocess.run(
            [buf, *command, tmp_path], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def comparable(file: FileDescriptorProto) -> FileDescriptorProto:
    """Leave out what has no meaning: the order of messages, and names in JSON by default."""
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    copy.message_type.sort(key=lambda message: message.name)
    for message in copy.message_type:
        _name_entries(message)
    return copy


def _name_entries(message: DescriptorProto) -> None:
    for entry in message.nested_type:  # protoc gives their fields no name in JSON
        for field in entry.field:
            field.json_name = field.name


def test_comments_tell_what_training_saw() -> None:
    text = write_proto(
        schema_of("penguins", PENGUINS, ("a", "b", "c")), {s.name: s for s in PENGUINS.inputs}
    )
    assert "// bill_length_mm: FP32, 32.1 to 59.6 in training." in text
    assert 'Biscoe, Dream */ // evil, "" in training.' in text
    assert "map<string, ClassProbabilities> probabilities = 2;" in text
