"""Typed services as their callers have them: by reflection alone, and from generated stubs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from modelyard import Client
from modelyard.registry.v1 import registry_pb2 as rpc
from modelyard.registry.v1 import registry_pb2_grpc as stubs
from modelyard.registry.v1 import resources_pb2 as pb
from tests.support import onnx_models
from tests.support.server_process import ServerProcess, wait_for

BIN = Path(sys.executable).parent
PENGUIN = {"bill_length_mm": 39.1, "island": "Torgersen", "year": 2007}
PREDICT = "models.penguins.v1.Penguins/Predict"


@pytest.fixture(scope="module")
def second(server: ServerProcess) -> Iterator[ServerProcess]:
    """Another server on the same data, with the other transport."""
    settings = {"TRANSPORT": "grpcio"}
    with ServerProcess(server.home, settings, ("--no-worker",)) as process:
        yield process


@pytest.fixture(params=["express", "grpcio"])
def address(request: pytest.FixtureRequest, server: ServerProcess) -> str:
    """Where a server with the model `penguins` listens, on each transport."""
    if request.param == "express":
        return server.address
    second: ServerProcess = request.getfixturevalue("second")
    return second.address


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(BIN / "buf"),
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_shell_needs_nothing_but_reflection(address: str) -> None:
    services = curl("--list-services", f"http://{address}").stdout.split()
    assert "models.penguins.v1.Penguins" in services
    methods = curl("--list-methods", f"http://{address}").stdout.split()
    for method in ("Predict", "BatchPredict", "PredictStream"):
        assert f"models.penguins.v1.Penguins/{method}" in methods

    answered = curl("-d", json.dumps(PENGUIN), f"http://{address}/{PREDICT}")
    answer = json.loads(answered.stdout)
    assert (answer["label"], answer["modelVersion"]) == ("Adelie", "1")
    assert set(answer["probabilities"]) == {"Adelie", "Chinstrap", "Gentoo"}

    misspelt = {**PENGUIN, "iland": "Torgersen"}
    refused = curl("-d", json.dumps(misspelt), f"http://{address}/{PREDICT}")
    assert refused.returncode
    assert 'unknown field "iland"' in refused.stderr
    refused = curl("-d", '{"island": "Dream"}', f"http://{address}/{PREDICT}")
    assert refused.returncode
    assert "year: is missing" in refused.stderr

    odd = {**PENGUIN, "island": "Atlantis", "explain": True}
    answer = json.loads(curl("-d", json.dumps(odd), f"http://{address}/{PREDICT}").stdout)
    assert [(w["field"], w["reason"]) for w in answer["warnings"]] == [
        ("island", "UNSEEN_CATEGORY")
    ]


SCRIPT = """
import json, sys
import grpc
from models.penguins.v1 import penguins_pb2 as pb
from models.penguins.v1 import penguins_pb2_grpc as stubs

with grpc.insecure_channel(sys.argv[1]) as channel:
    penguins = stubs.PenguinsStub(channel)
    row = dict(bill_length_mm=39.1, island="Torgersen", year=2007)
    one = penguins.Predict(pb.PredictRequest(**row))
    nan = float("nan")
    many = penguins.BatchPredict(pb.BatchPredictRequest(
        bill_length_mm=[39.1, nan], island=["Torgersen", ""], year=[2007, 2008]))
    stream = penguins.PredictStream(iter([pb.PredictStreamRequest(**row)] * 3))
    print(json.dumps({
        "one": [one.label, one.probabilities[one.label], one.HasField("label")],
        "many": [list(many.label), many.probabilities[one.label].values[0]],
        "stream": [answer.label for answer in stream],
    }))
"""


@pytest.fixture(scope="module")
def generated(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stubs that protoc made of what `modelyard proto` printed."""
    folder = tmp_path_factory.mktemp("generated")
    printed = subprocess.run(
        [BIN / "modelyard", "--server", server.address, "proto", "penguins"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    path = folder / "models" / "penguins" / "v1" / "penguins.proto"
    path.parent.mkdir(parents=True)
    path.write_text(printed)
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *outputs, str(path)]
    subprocess.run(command, timeout=60, check=True)
    (folder / "call.py").write_text(SCRIPT)
    return folder


def test_generated_stubs_call_the_server(generated: Path, address: str) -> None:
    done = subprocess.run(
        [sys.executable, generated / "call.py", address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    label, probability, is_set = answers["one"]
    assert (label, is_set) == ("Adelie", True)
    assert answers["many"][0][0] == label
    assert answers["many"][1] == pytest.approx(probability, abs=1e-6)
    assert answers["stream"] == [label] * 3


class Typed:
    """Calls `Predict` as a program does that was built from a model's .proto of one day."""

    def __init__(self, address: str, proto: rpc.GetModelProtoResponse) -> None:
        pool = DescriptorPool()
        for file in FileDescriptorSet.FromString(proto.file_descriptor_set).file:
            pool.Add(file)
        package = proto.typed_service.rpartition(".")[0]
        self.request, response = [
            cast("Any", GetMessageClass(pool.FindMessageTypeByName(f"{package}.Predict{part}")))
            for part in ("Request", "Response")
        ]
        self.channel = grpc.insecure_channel(address)
        self.predict: Any = self.channel.unary_unary(
            f"/{proto.typed_service}/Predict",
            request_serializer=self.request.SerializeToString,
            response_deserializer=response.FromString,
        )

    def ask(self, **fields: Any) -> tuple[float, str]:
        answer = self.predict(self.request(**fields), timeout=30)
        return answer.y, answer.model_version


def test_old_stubs_are_answered_right_after_a_promotion_that_breaks_them(
    server: ServerProcess, second: ServerProcess, client: Client
) -> None:
    client.push("factors", onnx_models.column_model(2))
    old = [Typed(yard.address, client.get_model_proto("factors")) for yard in (server, second)]
    for typed in old:
        assert typed.ask(x=1.5) == (3.0, "1")
    client.push("factors", onnx_models.column_model(3))
    client.promote("factors", 2)
    wait_for(lambda: [typed.ask(x=1.5) for typed in old] == [(4.5, "2")] * 2)

    client.push("factors", onnx_models.column_model(10, double=True))
    assert client.get_model_version("factors", 3).typed_service == "models.factors.v2.Factors"
    with grpc.insecure_channel(server.address) as channel:
        registry = stubs.RegistryServiceStub(channel)
        name = "models/factors/versions/3"
        change = registry.ValidateSchemaChange(rpc.ValidateSchemaChangeRequest(name=name))
    assert not change.compatible
    assert change.current_typed_service == "models.factors.v1.Factors"
    assert {(c.name, c.breaking) for c in change.changes} == {("x", True), ("y", True)}
    assert client.get_model_proto("factors").typed_service == "models.factors.v1.Factors"

    client.promote("factors", 3)
    proto = client.get_model_proto("factors")
    assert list(proto.typed_services) == ["models.factors.v1.Factors", "models.factors.v2.Factors"]
    new = [Typed(yard.address, proto) for yard in (server, second)]
    for typed in new:
        assert typed.ask(x=0.1) == (1.0, "3")  # right away: whoever is told of it finds it
    for typed in old:
        assert typed.ask(x=1.5) == (4.5, "2")
    for typed in (*old, *new):
        typed.channel.close()


def test_a_model_may_ask_for_the_refusal_of_what_training_did_not_see(
    server: ServerProcess, client: Client
) -> None:
    typed = Typed(server.address, client.get_model_proto("penguins"))
    request = typed.request(island="Atlantis", bill_length_mm=390, year=2007)
    assert typed.predict(request).label
    with grpc.insecure_channel(server.address) as channel:
        registry = stubs.RegistryServiceStub(channel)
        strict = pb.Model(name="models/penguins", input_contract=pb.INPUT_CONTRACT_REFUSE)
        changed = registry.UpdateModel(rpc.UpdateModelRequest(model=strict))
        assert changed.input_contract == pb.INPUT_CONTRACT_REFUSE
        try:
            error = wait_for(lambda: refusal_of(typed, request))
        finally:
            strict.input_contract = pb.INPUT_CONTRACT_UNSPECIFIED
            mask = FieldMask(paths=["input_contract"])
            registry.UpdateModel(rpc.UpdateModelRequest(model=strict, update_mask=mask))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = status_pb2.Status.FromString(
        dict(error.trailing_metadata())["grpc-status-details-bin"]
    )
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in details.details)
    assert {v.field for v in bad.field_violations} == {"island", "bill_length_mm"}
    assert {v.reason for v in bad.field_violations} == {"INPUT_CONTRACT_VIOLATED"}
    wait_for(lambda: refusal_of(typed, request) is None)
    typed.channel.close()


def refusal_of(typed: Typed, request: Any) -> Any:
    try:
        typed.predict(request)
    except grpc.RpcError as error:
        return error
    return None
