import re
import subprocess
import sys
from collections.abc import Callable

import grpc
import pytest
from typer.testing import CliRunner, Result

from modelyard import ModelyardError
from modelyard.commands import app
from modelyard.commands.addresses import check_server
from modelyard.commands.failures import advise, explain
from tests.unit.client.yard import Yard, fail

Command = Callable[..., Result]


def test_no_server_gives_one_message_and_a_hint() -> None:
    found = subprocess.run(
        [
            *(sys.executable, "-c", "from modelyard.commands import main; main()"),
            *("--server", "127.0.0.1:1", "models", "list"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr == (
        "error: no server answers at 127.0.0.1:1\n"
        "hint: `modelyard-server serve` starts one; --server HOST:PORT or MODELYARD_SERVER names "
        "another\n"
    )


@pytest.mark.parametrize(
    "server",
    [
        *("localhost", "http://127.0.0.1:8001", "grpc=127.0.0.1:1", "127.0.0.1:", ":8001", ""),
        *("host:0", "host:65536", " host:1", "host:1 ", "host:1/", "::1:8001", "host:eight"),
    ],
)
def test_an_address_of_another_form_is_not_dialled(server: str) -> None:
    result = CliRunner().invoke(app, ["--server", server, "models", "list"])
    assert result.exit_code == 2
    words = " ".join(re.sub(r"[│\s]+", " ", result.stderr).split())
    assert "the server must be HOST:PORT, such as 127.0.0.1:8001; this is '" in words


@pytest.mark.parametrize(
    "server", ["localhost:8001", "a-b.example:1", "[::1]:65535", "unix:/run/m.sock"]
)
def test_addresses(server: str) -> None:
    assert check_server(server) == server


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("errors resolving nohost:1: [..]", "no server answers at h:1: its name leads to no"),
        ("Socket closed", "Socket closed (UNAVAILABLE)"),
    ],
)
def test_what_grpc_says_becomes_plain_words(message: str, told: str) -> None:
    error = ModelyardError(message, code=grpc.StatusCode.UNAVAILABLE)
    assert explain(error, "h:1").startswith(told)
    assert "modelyard-server serve" in advise(error, "h:1")


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("MODEL_NOT_FOUND", "`modelyard models list`"),
        ("VERSION_NOT_FOUND", "`modelyard versions list wine`"),
        ("ALIAS_NOT_FOUND", "`modelyard versions list wine`"),
        ("DATASET_NOT_FOUND", "`modelyard datasets list`"),
        ("DATASET_VERSION_NOT_FOUND", "`modelyard datasets show NAME`"),
        ("TRAINING_JOB_NOT_FOUND", "`modelyard jobs list`"),
    ],
)
def test_a_hint_fits_what_was_not_found(
    command: Command, yard: Yard, reason: str, hint: str
) -> None:
    yard.before["GetModel"] = [
        lambda context: fail(
            context, grpc.StatusCode.NOT_FOUND, "none", reason, metadata={"model": "wine"}
        )
    ]
    result = command("models", "show", "wine")
    assert result.stderr.startswith(f"error: none (NOT_FOUND)\nhint: {hint} shows")


def test_a_model_that_loads_is_no_lacking_server() -> None:
    error = ModelyardError("loading", code=grpc.StatusCode.UNAVAILABLE, reason="MODEL_LOADING")
    assert (explain(error, "h:1"), advise(error, "h:1")) == (
        *("loading (UNAVAILABLE)", "try again soon"),
    )
