"""Clients that are not ours, each in a process of its own."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import server.demo
from modelyard import Client
from server.demo.others import infer_request
from tests.support.penguins import features_of, penguin_rows
from tests.support.server_process import STOCK_PYTHON, ServerProcess

BUF = shutil.which("buf", path=Path(sys.executable).parent) or "buf"
TRITON_ERRORS = """
import sys, tritonclient.grpc as triton
client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("penguins")
print(client.get_model_metadata("penguins").inputs[0].name, client.get_server_metadata().name)
try:
    client.is_model_ready("none")
except triton.InferenceServerException as error:
    print(error.status())
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def curl(server: ServerProcess, method: str, data: str = "{}", *options: str) -> tuple[int, str]:
    url = f"http://{server.address}/{method}"
    plain = ("--protocol", "grpc", "--http2-prior-knowledge")
    done = run(BUF, "curl", *plain, *options, "--data", data, url)
    return done.returncode, done.stdout + done.stderr


def test_a_stock_client_predicts(server: ServerProcess) -> None:
    script = Path(server_folder()) / "stock_client.py"
    done = run(str(STOCK_PYTHON), str(script), server.address)
    assert "Gentoo with probability" in done.stdout, done.stderr


def server_folder() -> Path:
    return Path(str(server.demo.__file__)).parent


def test_a_stock_client_sees_metadata_and_statuses(server: ServerProcess) -> None:
    done = run(str(STOCK_PYTHON), "-c", TRITON_ERRORS, server.address)
    assert done.stdout.split() == ["island", "modelyard", "StatusCode.NOT_FOUND"], done.stderr


@pytest.mark.parametrize("version", ["grpc-v1", "grpc-v1alpha"])
@pytest.mark.parametrize(
    "service", ["inference.GRPCInferenceService", "modelyard.inference.v1.InferenceService"]
)
def test_the_shell_predicts_by_reflection(
    server: ServerProcess, version: str, service: str
) -> None:
    request = json.dumps(infer_request(features_of(penguin_rows()[0])))
    code, output = curl(server, f"{service}/ModelInfer", request, "--reflect-protocol", version)
    assert code == 0, output
    assert json.loads(output)["modelVersion"] == "1"


@pytest.mark.parametrize("method", ["ModelInfer", "models.penguins.v1.Penguins/Predict"])
def test_the_lines_of_a_model_card_predict_when_pasted(
    server: ServerProcess, client: Client, tmp_path: Path, method: str
) -> None:
    card = tmp_path / "card.md"
    assert client.download_artifact("penguins", "champion", "model-card.md", card).size_bytes
    (line,) = [line for line in card.read_text().splitlines() if line.endswith(method)]
    grpcurl, _, _, data, address, method = shlex.split(line)
    assert (grpcurl, address) == ("grpcurl", "HOST:PORT")
    code, output = curl(server, method, data)
    assert code == 0, output
    assert json.loads(output)["modelVersion"] == "1"


def test_reflection_describes_every_service(server: ServerProcess) -> None:
    plain = ("--protocol", "grpc", "--http2-prior-knowledge", "--list-methods")
    done = run(BUF, "curl", *plain, f"http://{server.address}")
    assert done.returncode == 0, done.stderr
    listed = set(done.stdout.split())
    assert "inference.GRPCInferenceService/ModelInfer" in listed
    assert "inference.GRPCInferenceService/ModelStreamInfer" in listed
    assert "modelyard.training.v1.TrainingService/WatchTrainingJob" in listed
    assert "grpc.health.v1.Health/Watch" in listed


@pytest.mark.parametrize(
    "service", ["inference.GRPCInferenceService", "modelyard.inference.v1.InferenceService"]
)
def test_messages_of_other_files_are_reflected_too(server: ServerProcess, service: str) -> None:
    code, output = curl(server, f"{service}/ModelConfig", '{"name": "penguins"}')
    assert code == 0, output
    config = json.loads(output)["config"]
    assert config["input"][0] == {"name": "island", "dataType": "TYPE_STRING", "dims": ["1"]}


def test_health_knows_every_service(server: ServerProcess) -> None:
    code, output = curl(server, "grpc.health.v1.Health/List")
    assert code == 0, output
    statuses = {name: entry["status"] for name, entry in json.loads(output)["statuses"].items()}
    assert set(statuses.values()) == {"SERVING"}
    assert {"", "inference.GRPCInferenceService"} <= set(statuses)
    code, output = curl(server, "grpc.health.v1.Health/Check", '{"service": "none"}')
    assert code == 8 * 5, output  # buf's exit code is eight times NOT_FOUND
