"""One server a transport, and the stock clients that call it."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.calls import ContractClient
from tests.contract.clients import NODE_FOLDER, AsyncClient, NodeClient, SyncClient
from tests.contract.processes import serving
from tests.contract.transports import TRANSPORTS


@pytest.fixture(scope="session", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Which transport serves; every test that asks for a server runs once a transport."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def address(transport: str) -> Iterator[str]:
    """Where that transport's server listens."""
    with serving(transport) as served:
        yield served.address


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
