"""Several server processes on one port: `serve --processes N`."""

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelyard import Client, ModelyardError
from modelyard.channel import channel_options
from server.errors import CannotStart
from server.supervisor import _reserve_port
from tests.support import onnx_models
from tests.support.server_process import (
    ESTABLISHED,
    LISTENING,
    REPOSITORY,
    ServerProcess,
    has_socket,
    is_running,
    wait_for,
)

ONES = np.ones((1, 3), dtype=np.float32)
PROCESSES = 2
MOST_CLIENTS = 64


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with start_server(tmp_path_factory.mktemp("processes") / "home") as process:
        yield process


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that no other test needs alive."""
    with start_server(tmp_path / "home") as process:
        yield process


def start_server(home: Path) -> ServerProcess:
    return ServerProcess(home, arguments=("--processes", f"{PROCESSES}"))


@pytest.fixture
def clients(server: ServerProcess) -> Iterator[list[Client]]:
    """Clients, so many that every process has one."""
    opened: list[Client] = []
    reach_everyone(server, opened)
    yield opened
    for client in opened:
        client.close()


@pytest.fixture
def model(clients: list[Client]) -> str:
    """A model whose first version every process has heard of."""
    name = f"m-{uuid.uuid4().hex[:8]}"
    clients[0].push(name, onnx_models.double_model())
    for client in clients:
        assert served_version(client, name) == "1"
    return name


def reach_everyone(server: ServerProcess, clients: list[Client]) -> None:
    """Open more clients until every process has one: the kernel shares them out at random."""
    port = int(server.address.rpartition(":")[2])
    wait_for(lambda: all(has_socket(pid, port, LISTENING) for pid in server.part_pids()))
    while not all(has_socket(pid, port, ESTABLISHED) for pid in server.part_pids()):
        assert len(clients) < MOST_CLIENTS
        clients.append(open_client(server))
        assert clients[-1].ready()


def open_client(server: ServerProcess) -> Client:
    """Open a client with a connection that no other has a part in."""
    options = [*channel_options(), ("grpc.use_local_subchannel_pool", 1)]
    return Client(channel=grpc.insecure_channel(server.address, options))


def served_version(client: Client, model: str) -> str:
    return client.predict(model, ONES).model_version


def test_every_process_answers_and_follows_the_alias(
    server: ServerProcess, clients: list[Client], model: str
) -> None:
    def is_served_by_all(number: str) -> bool:
        return {served_version(client, model) for client in clients} == {number}

    assert len(server.part_pids()) == PROCESSES
    clients[-1].push(model, onnx_models.double_model())
    for number in ("2", "1"):
        clients[0].promote(model, number)
        wait_for(partial(is_served_by_all, number))


def test_the_death_of_one_process_is_not_noticed(
    server: ServerProcess, clients: list[Client], model: str
) -> None:
    stopping = threading.Event()
    answered: list[str] = []
    failures: list[ModelyardError] = []

    def ask(client: Client) -> None:
        try:
            while not stopping.is_set():
                answered.append(served_version(client, model))
        except ModelyardError as error:
            failures.append(error)

    askers = [threading.Thread(target=ask, args=[client]) for client in clients]
    for asker in askers:
        asker.start()
    killed, other = server.part_pids()
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: len(set(server.part_pids()) - {killed}) == PROCESSES)
    more: list[Client] = []
    reach_everyone(server, more)
    before = len(answered)
    wait_for(lambda: len(answered) > before + len(clients))
    stopping.set()
    for asker in askers:
        asker.join(60)
    assert failures == []
    assert {served_version(client, model) for client in more} == {"1"}
    assert other in server.part_pids()
    for client in more:
        client.close()


def test_nothing_outlives_a_killed_supervisor_and_the_next_one_starts(
    own_server: ServerProcess,
) -> None:
    with own_server.connect() as client:
        client.push("m", onnx_models.double_model())
    parts = [*own_server.part_pids(), own_server.worker_pid()]
    own_server.kill()
    address = {"GRPC_ADDRESS": own_server.address}
    arguments = ("--processes", f"{PROCESSES}")
    with ServerProcess(own_server.home, address, arguments) as again:
        wait_for(lambda: not any(is_running(pid) for pid in parts))
        with again.connect() as client:
            assert served_version(client, "m") == "1"


def test_sigterm_drains_every_process(own_server: ServerProcess) -> None:
    parts = [*own_server.part_pids(), own_server.worker_pid()]
    with grpc.insecure_channel(own_server.address) as channel:
        request = health_pb2.HealthCheckRequest()
        watch = health_pb2_grpc.HealthStub(channel).Watch(request)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert own_server.stop() == 0
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert [pid for pid in parts if is_running(pid)] == []
    assert "Traceback" not in own_server.log


def test_a_port_that_is_taken_is_not_shared_with_strangers(
    server: ServerProcess, tmp_path: Path
) -> None:
    done = start(tmp_path / "other", GRPC_ADDRESS=server.address)
    assert done.returncode == 1
    assert "is another server there already" in done.stderr


def test_processes_that_die_at_their_start_are_given_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "artifacts").write_text("in the way of the folder")
    done = start(home, GRPC_ADDRESS="127.0.0.1:0")
    assert done.returncode == 1
    assert "ended 3 times before it was ready" in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def start(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start a server that must not get far."""
    settings["HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "server", "serve", "--processes", "2"],
        cwd=REPOSITORY,
        env=os.environ | {f"MODELYARD_{name}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


async def test_a_reserved_port_is_held_before_anybody_listens() -> None:
    with await _reserve_port("127.0.0.1:0", 0) as reserved:
        address = "{}:{}".format(*reserved.getsockname())
        with pytest.raises(CannotStart, match="is another server there already"):
            await _reserve_port(address, 0)
        with socket.socket() as part:
            part.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            part.bind(reserved.getsockname())
    with await _reserve_port(address, 0):
        pass
