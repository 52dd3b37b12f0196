"""A client that asks for predictions without a pause, and sees every failure."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import numpy as np

from modelyard import Client
from tests.support.server_process import wait_for


def open_plain(address: str) -> grpc.Channel:
    """Open a channel that repeats nothing: each failure is seen."""
    return grpc.insecure_channel(address, [("grpc.enable_retries", 0)])


class Asker:
    """Asks in a thread of its own.

    Args:
        address: The server.
        model: A model of `y = factor * x` over three floats.
        factors: What each version multiplies by; None leaves the numbers unchecked.

    Attributes:
        row: What it sends.
        versions: How often each version answered.
        failures: Every call that failed or had a wrong answer.
    """

    def __init__(self, address: str, model: str, factors: dict[str, float] | None = None) -> None:
        self.row = np.ones((1, 3), dtype=np.float32)
        self.versions: Counter[str] = Counter()
        self.failures: list[Exception] = []
        self._address = address
        self._model = model
        self._factors = factors
        self._stopping = threading.Event()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for as long as the context is open."""
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(30)

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many more calls were answered, or one failed."""
        enough = self.versions.total() + count
        wait_for(lambda: self.versions.total() >= enough or self.failures)

    def _ask(self) -> None:
        with Client(channel=open_plain(self._address)) as client:
            while not self._stopping.is_set():
                try:
                    answer = client.predict(self._model, self.row)
                    if self._factors:
                        factor = self._factors[answer.model_version]
                        assert (answer.outputs["y"] == factor).all(), answer
                    self.versions[answer.model_version] += 1
                except Exception as error:  # noqa: BLE001 - the test looks at them
                    self.failures.append(error)
