"""Triton's load generator: it must come to its end, and find the server's own statistics."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.onnx_models import double_model
from tests.support.server_process import REPOSITORY, ServerProcess

FOLDER = REPOSITORY / ".perf-analyzer"
# It waits for ever when all are answered before it looks, which 200 are where it is held up.
# Also, that many in a stream are more than a server bears of frames that do no work.
REQUESTS = 2000
CONCURRENCY = 2


@pytest.fixture(scope="module")
def perf_analyzer() -> Path:
    """The command that starts it; `make test` gets it where that can be."""
    command = FOLDER / "run"
    missing = FOLDER / "missing"
    if not command.exists() or missing.exists():
        reason = missing.read_text() if missing.exists() else "make test has not fetched it"
        pytest.skip(f"perf_analyzer is not to be had: {reason.strip()}")
    return command


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    home = tmp_path_factory.mktemp("perf") / "home"
    with ServerProcess(home, arguments=("--no-worker",)) as process:
        with process.connect() as client:
            client.push("double", double_model())
        yield process


@pytest.mark.parametrize("batch", ["1", "8"])
@pytest.mark.parametrize("mode", [[], ["--async"], ["--async", "--streaming"]], ids=" ".join)
def test_a_run_ends_with_statistics(
    perf_analyzer: Path, loaded: ServerProcess, mode: list[str], batch: str
) -> None:
    command = [str(perf_analyzer), "-m", "double", "-u", loaded.address, "-i", "grpc", *mode]
    command += ["-b", batch, "--concurrency-range", str(CONCURRENCY)]
    command += ["--request-count", str(REQUESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    client, server = told.split("Server:")
    assert read_count("Request count", client) == REQUESTS
    answered = read_count("Successful request count", server)
    # It reads the statistics while the first and the last calls are under way.
    assert abs(answered - REQUESTS) <= 2 * CONCURRENCY
    assert read_count("Execution count", server) == answered
    assert read_count("Inference count", server) == answered * int(batch)
    assert "compute infer" in server
    assert "WARNING" not in told


def read_count(name: str, text: str) -> int:
    found = re.search(rf"^\s*{name}: (\d+)$", text, re.MULTILINE)
    assert found, text
    return int(found[1])
