"""One server a transport, and the stock clients that call it."""

import selectors
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.calls import ContractClient
from tests.contract.clients import NODE_FOLDER, AsyncClient, NodeClient, SyncClient
from tests.contract.transports import TRANSPORTS

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


@contextmanager
def serving(transport: str) -> Iterator[str]:
    """Serve the contract's service in a process of its own; give its address."""
    command = [sys.executable, "-m", "tests.contract.serve", transport]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(START_SECONDS)
        yield f"127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()
        assert process.wait(START_SECONDS) == 0


@pytest.fixture(scope="session", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Which transport serves; every test that asks for a server runs once a transport."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def address(transport: str) -> Iterator[str]:
    """Where that transport's server listens."""
    with serving(transport) as address:
        yield address


@pytest.fixture(scope="session")
async def sync_client(address: str) -> AsyncIterator[ContractClient]:
    """Stock grpcio."""
    client = SyncClient(address)
    yield client
    client.close()


@pytest.fixture(scope="session")
async def async_client(address: str) -> AsyncIterator[ContractClient]:
    """Stock grpcio on asyncio."""
    client = AsyncClient(address)
    yield client
    await client.close()


@pytest.fixture(scope="session")
async def node_client(address: str) -> AsyncIterator[ContractClient]:
    """grpc-js; `make setup` installs it wherever Node is."""
    if not shutil.which("node"):
        pytest.skip("Node is not installed")
    assert (NODE_FOLDER / "node_modules").is_dir(), "make setup"
    async with NodeClient(address) as client:
        yield client


@pytest.fixture(params=["sync_client", "async_client", "node_client"])
def client(request: pytest.FixtureRequest, transport: str) -> ContractClient:
    """Each of the clients in turn, on each transport."""
    assert transport
    client: ContractClient = request.getfixturevalue(request.param)
    return client
