"""The servers: each a child on the server's core, on the loopback, with the same three models."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import (
    EXPRESS,
    GRPCIO,
    KSERVE,
    KSERVE_TUNED,
    MINIMAL,
    MINIMAL_CHECKED,
    MLSERVER,
)
from benchmarks.processes import Child, find_free_port, is_listening
from modelyard import Client

REPOSITORY = Path(__file__).resolve().parents[1]
BIN = REPOSITORY / ".venv" / "bin"
STOCK_PYTHON = REPOSITORY / ".venv-stock" / "bin" / "python"
BUILD = REPOSITORY / ".build" / "bench"
MODELS = BUILD / "models"
PEERS = REPOSITORY / "benchmarks" / "peers"
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        name: Its key in the results.
        address: HOST:PORT.
        pid: The process that serves.
    """

    name: str
    address: str
    pid: int


@contextmanager
def open_server(name: str, folder: Path, core: int) -> Iterator[Server]:
    """Start a server with the three models, and stop it at the end.

    Args:
        name: One of `cases.SERVERS`.
        folder: An empty folder for its files.
        core: The core that it runs on.

    Raises:
        ChildFailed: It did not start.
    """
    address = f"127.0.0.1:{find_free_port()}"
    with _LAUNCHERS[name](folder, address, core) as child:
        yield Server(name, address, child.pid)


def _launch_modelyard(transport: str) -> Callable[[Path, str, int], Child]:
    def launch(folder: Path, address: str, core: int) -> Child:
        ready = folder / "ready"
        settings = {
            "MODELYARD_HOME": str(folder / "home"),
            "MODELYARD_GRPC_ADDRESS": address,
            "MODELYARD_TRANSPORT": transport,
        }
        child = Child(
            [BIN / "modelyard-server", "serve", "--ready-file", ready],
            core=core,
            log=folder / "log",
            environment=_plain_environment() | settings,
            folder=folder,
        )
        return _finish(child, ready.exists, lambda: _push_models(address))

    return launch


def _push_models(address: str) -> None:
    with Client(address) as client:
        for path in sorted(MODELS.glob("*.onnx")):
            client.push(path.stem, path)


def _launch_minimal(*arguments: str) -> Callable[[Path, str, int], Child]:
    def launch(folder: Path, address: str, core: int) -> Child:
        script = PEERS / "minimal_server.py"
        command = [str(BIN / "python"), str(script), address, str(MODELS), *arguments]
        return _launch_peer(command, folder, address, core)

    return launch


def _launch_kserve(*arguments: str) -> Callable[[Path, str, int], Child]:
    def launch(folder: Path, address: str, core: int) -> Child:
        python = BUILD / "kserve" / "bin" / "python"
        script = PEERS / "kserve_server.py"
        return _launch_peer([python, script, address, MODELS, *arguments], folder, address, core)

    return launch


def _launch_mlserver(folder: Path, address: str, core: int) -> Child:
    host, _, port = address.rpartition(":")
    settings = {
        "debug": False,  # true, the default, logs every call
        "parallel_workers": 0,  # on one core, handing calls to a worker process only costs
        "host": host,
        "grpc_port": int(port),
        "http_port": find_free_port(),
        "metrics_port": find_free_port(),
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    for path in MODELS.glob("*.onnx"):
        model = {
            "name": path.stem,
            "implementation": "mlserver_runtime.OnnxRuntime",
            "parameters": {"uri": str(path)},
        }
        (folder / path.stem).mkdir()
        (folder / path.stem / "model-settings.json").write_text(json.dumps(model))
    command = [str(BUILD / "mlserver" / "bin" / "mlserver"), "start", str(folder)]
    return _launch_peer(command, folder, address, core)


def _launch_peer(command: Sequence[str | Path], folder: Path, address: str, core: int) -> Child:
    child = Child(
        command,
        core=core,
        log=folder / "log",
        environment=_plain_environment() | {"PYTHONPATH": str(PEERS)},
        folder=folder,
    )
    return _finish(child, lambda: is_listening(address), lambda: None)


def _finish(child: Child, is_ready: Callable[[], bool], prepare: Callable[[], None]) -> Child:
    """Wait for a child and prepare it; one that fails is stopped."""
    try:
        child.wait_until(is_ready, START_SECONDS)
        prepare()
    except BaseException:
        child.stop()
        raise
    return child


def _plain_environment() -> dict[str, str]:
    """Make an environment that changes no server's defaults, and sends nobody usage data."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MODELYARD_", "MLSERVER_", "GRPC_", "PYTHON"))
    }
    return {**kept, "ORT_DISABLE_TELEMETRY": "1"}


_LAUNCHERS: dict[str, Callable[[Path, str, int], Child]] = {
    EXPRESS: _launch_modelyard("express"),
    GRPCIO: _launch_modelyard("grpcio"),
    MINIMAL: _launch_minimal(),
    MINIMAL_CHECKED: _launch_minimal("--checks"),
    KSERVE: _launch_kserve(),
    KSERVE_TUNED: _launch_kserve("--tuned"),
    MLSERVER: _launch_mlserver,
}
