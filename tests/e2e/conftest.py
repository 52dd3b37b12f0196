"""One server with a trained model for the tests that only read it."""

from collections.abc import Iterator

import pytest

from modelyard import Client
from tests.support.penguins import penguin_csv
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with its own database and worker, and the model `penguins`."""
    home = tmp_path_factory.mktemp("e2e") / "home"
    with ServerProcess(home) as process:
        with process.connect() as client:
            client.upload_dataset("penguins", penguin_csv())
            job = client.train("penguins", "penguins", "species")
            client.wait_for_training_job(job)
        yield process


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of that server."""
    with server.connect() as client:
        yield client
