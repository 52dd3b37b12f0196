"""Every method of a stock client, in a process of its own, on a server of its own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.onnx_models import double_model
from tests.support.server_process import STOCK_PYTHON, ServerProcess

STOCK = Path(__file__).parent / "stock"


@pytest.fixture(scope="module")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two versions of the model `double`; the second is no alias's."""
    home = tmp_path_factory.mktemp("stock") / "home"
    with ServerProcess(home, arguments=("--no-worker",)) as process:
        with process.connect() as client:
            for _ in range(2):
                client.push("double", double_model(), classes=("low", "middle", "high"))
        yield process


@pytest.mark.parametrize("edition", ["blocking", "asyncio"])
def test_every_method_answers_as_documented(double: ServerProcess, edition: str) -> None:
    command = [str(STOCK_PYTHON), str(STOCK / "drive_triton.py"), edition, double.address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "every method answered as documented\n", done.stderr
