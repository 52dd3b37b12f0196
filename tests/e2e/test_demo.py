"""The demonstration, as the README has it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.server_process import REPOSITORY

VERSION = re.compile(r"(Adelie|Gentoo).*answered by version 1", re.DOTALL)


def run_demo(home: Path) -> str:
    settings = {"MODELYARD_HOME": str(home), "MODELYARD_GRPC_ADDRESS": "127.0.0.1:0"}
    done = subprocess.run(
        [sys.executable, "-m", "server", "demo", "--once"],
        cwd=REPOSITORY,
        env=os.environ | settings | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_second_run_finds_what_the_first_one_made(tmp_path: Path) -> None:
    first = run_demo(tmp_path / "home")
    assert "uploaded datasets/penguins/versions/1" in first
    assert "version 1 is ready" in first
    second = run_demo(tmp_path / "home")
    assert "found datasets/penguins/versions/1 from an earlier run" in second
    assert "found models/penguins/versions/1 from an earlier run" in second
    for output in (first, second):
        assert "accuracy" in output
        assert "holdout" in output
        for client in ("modelyard (", "tritonclient (", "buf curl ("):
            line = next(line for line in output.splitlines() if line.startswith(client))
            assert VERSION.search(line), output
