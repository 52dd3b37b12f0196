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

MODEL_PROTO = """
syntax = "proto3";
package models.penguins.v1;
service Penguins {
  rpc Predict(PredictRequest) returns (PredictResponse);
}
message PredictRequest {
  optional string island = 1;
  optional double bill_length_mm = 2;
}
message PredictResponse {
  optional string label = 1;
  map<string, double> probabilities = 2;
  string model_version = 100001;
}
"""

USE_OF_MODEL = """
import { credentials } from "@grpc/grpc-js";
import { PenguinsClient, PredictRequest } from "../generated/models/penguins/v1/penguins";
import { call, channelOptions } from "../src/index";

export async function probability(bill_length_mm: number): Promise<number | undefined> {
  const options = channelOptions(["models.penguins.v1.Penguins"]);
  const penguins = new PenguinsClient("127.0.0.1:1", credentials.createInsecure(), options);
  const request = PredictRequest.create({ bill_length_mm });
  const answer = await call(penguins.predict.bind(penguins), request);
  return answer.probabilities["Adelie"];
}
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


def test_a_model_has_stubs_of_its_own(package: Path) -> None:
    proto = package / "protos" / "models" / "penguins" / "v1" / "penguins.proto"
    proto.parent.mkdir(parents=True)
    proto.write_text(MODEL_PROTO)
    run(package, "npm", "run", "--silent", "generate", "--", "protos")
    program = package / "examples" / "use.ts"
    program.write_text(USE_OF_MODEL)
    run(package, "npm", "run", "--silent", "build")

    program.write_text(USE_OF_MODEL.replace("{ bill_length_mm }", "{ bill_lenght_mm: 1 }"))
    with pytest.raises(AssertionError, match=r"use.ts\(9,\d+\): error"):
        run(package, "npm", "run", "--silent", "build")
