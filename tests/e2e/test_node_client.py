"""clients/node: stubs that a Node tool generates, type-checks and runs against the server."""

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from modelyard import Client
from tests.support import onnx_models
from tests.support.server_process import REPOSITORY, ServerProcess

NODE_FOLDER = REPOSITORY / "clients" / "node"

MODELYARD = str(Path(sys.executable).with_name("modelyard"))

PREDICT = """
import { credentials } from "@grpc/grpc-js";
import { PenguinsClient, PredictRequest } from "../generated/models/penguins/v1/penguins";
import { call, channelOptions } from "../src/index";

async function main(address: string): Promise<void> {
  const options = channelOptions(["models.penguins.v1.Penguins"]);
  const penguins = new PenguinsClient(address, credentials.createInsecure(), options);
  const row = { bill_length_mm: 39.1, island: "Torgersen", year: 2007 };
  const answer = await call(penguins.predict.bind(penguins), PredictRequest.create(row));
  console.log(JSON.stringify(answer));
  penguins.close();
}

main(process.argv[2]);
"""


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package with the stubs of the contract."""
    if not shutil.which("node"):
        pytest.skip("Node is not installed")
    assert (NODE_FOLDER / "node_modules").is_dir(), "make setup"
    folder = tmp_path / "node"
    made = shutil.ignore_patterns("node_modules", "generated", "build")
    shutil.copytree(NODE_FOLDER, folder, ignore=made)
    (folder / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    image = str(tmp_path / "contract.binpb")
    run(REPOSITORY, sys.executable, "protos/generate.py", "--image", image)
    run(folder, "npm", "run", "--silent", "generate", "--", image)
    return folder


def test_generated_stubs_call_the_server(
    package: Path, server: ServerProcess, client: Client
) -> None:
    model = f"node-{uuid.uuid4().hex[:8]}"
    client.push(model, onnx_models.double_model())
    run(package, "npm", "run", "--silent", "build")
    said: dict[str, Any] = json.loads(
        run(package, "node", "build/examples/infer.js", server.address, model)
    )
    assert {"models/penguins", f"models/{model}"} <= set(said["models"])
    assert said["model_version"] == "1"
    assert said["numbers"] == [2, 5, -6]


def test_a_model_is_called_by_its_own_stubs(
    package: Path, server: ServerProcess, client: Client
) -> None:
    proto = package / "protos" / "models" / "penguins" / "v1" / "penguins.proto"
    proto.parent.mkdir(parents=True)
    proto.write_text(run(package, MODELYARD, "--server", server.address, "proto", "penguins"))
    run(package, "npm", "run", "--silent", "generate", "--", "protos")
    program = package / "examples" / "predict.ts"
    program.write_text(PREDICT)
    run(package, "npm", "run", "--silent", "build")

    said = json.loads(run(package, "node", "build/examples/predict.js", server.address))
    expected = client.model("penguins").predict(bill_length_mm=39.1, island="Torgersen", year=2007)
    assert said["label"] == expected.label
    assert said["probabilities"] == pytest.approx(expected.probabilities, abs=1e-6)
    assert said["model_version"] == expected.model_version

    program.write_text(PREDICT.replace("{ bill_length_mm", "{ bill_lenght_mm"))
    with pytest.raises(AssertionError, match=r"predict.ts\(\d+,\d+\): error"):
        run(package, "npm", "run", "--silent", "build")
