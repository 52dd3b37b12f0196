"""The command `modelyard`, as a person uses it, against the real server."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import onnx_models
from tests.support.penguins import penguin_csv
from tests.support.server_process import ServerProcess

MODELYARD = str(Path(sys.executable).with_name("modelyard"))


class Shell:
    """Runs the command against one server."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self.folder = folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MODELYARD, "--server", self.address, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def shell(server: ServerProcess, tmp_path: Path) -> Shell:
    return Shell(server.address, tmp_path)


def test_the_whole_way(shell: Shell) -> None:
    (shell.folder / "birds.csv").write_bytes(penguin_csv())
    uploaded = shell.json("datasets", "upload", "birds", "birds.csv")
    assert uploaded["row_count"] == "344"
    for trainer in ("logistic-regression", "random-forest"):
        done = shell.run(
            *("train", "birds", "--dataset", "birds", "--target", "species"),
            *("--trainer", trainer),
        )
        assert done.returncode == 0, done.stderr
        assert "accuracy" in done.stdout

    assert "birds" in shell.run("models", "list").stdout
    assert "champion" in shell.run("models", "show", "birds").stdout
    versions = shell.json("versions", "list", "birds")
    assert [version["name"] for version in versions] == [
        "models/birds/versions/2",
        "models/birds/versions/1",
    ]
    shown = shell.run("versions", "show", "birds", "1").stdout
    assert "parity" in shown.lower()
    assert re.search(r"log_loss +holdout +0\.\d+ +0\.\d+ to 0\.\d+ +1\.\d+", shown)
    assert shell.run("models", "card", "birds", "1").stdout == "birds-1.html\n"
    assert (shell.folder / "birds-1.html").read_text().startswith("<!DOCTYPE html>")
    assert shell.json("promote", "birds", "2")["model_version"] == "models/birds/versions/2"

    row = '{"island": "Torgersen", "bill_length_mm": 39.1, "bill_depth_mm": null,'
    row += ' "flipper_length_mm": 181, "body_mass_g": 3750, "sex": null, "year": 2007}'
    answer = shell.json("predict", "birds", "--json", row, "--version", "2")
    assert "Adelie" in json.dumps(answer)
    many = shell.run("predict", "birds", "--rows", "birds.csv")
    assert many.returncode == 0, many.stderr
    assert "Gentoo" in many.stdout


def test_a_model_made_elsewhere_is_pushed(shell: Shell) -> None:
    (shell.folder / "double.onnx").write_bytes(onnx_models.double_model())
    assert "active" in shell.run("push", "doubles", "double.onnx").stdout
    (shell.folder / "bad.onnx").write_bytes(b"garbage")
    bad = shell.run("push", "doubles", "bad.onnx")
    assert bad.returncode == 1
    assert "NOT_ONNX" in bad.stdout + bad.stderr


def test_a_promotion_that_breaks_callers_is_told_and_needs_a_word(shell: Shell) -> None:
    for name, content in {
        "float.onnx": onnx_models.column_model(2),
        "double.onnx": onnx_models.column_model(3, double=True),
    }.items():
        (shell.folder / name).write_bytes(content)
        assert "active" in shell.run("push", "told", name).stdout
    old, new = "models.told.v1.Told", "models.told.v2.Told"

    told = shell.json("promote", "told", "2", "--dry-run")["schema_change"]
    assert (told["current_typed_service"], told["typed_service"]) == (old, new)
    refused = shell.run("promote", "told", "2")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.search(r"column +x +yes +'x' was FP32 and is FP64", refused.stderr)
    assert f"callers of {old} stay with the present champion" in refused.stderr
    assert old in shell.run("proto", "told", "--json").stdout

    assert shell.json("promote", "told", "2", "--yes")["model_version"].endswith("/2")
    assert new in shell.run("proto", "told", "--json").stdout
    back = shell.run("promote", "told", "1")
    assert back.returncode == 1
    assert f"as champion, version 1 answers {old}\ncallers of {new} stay" in back.stderr
    assert shell.run("promote", "told", "3", "--dry-run").returncode == 1


def test_errors_are_one_sentence(shell: Shell) -> None:
    done = shell.run("models", "show", "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no model 'nothing'" in done.stderr
    assert "Traceback" not in done.stderr
