"""Whether the answers are right: their values by a stock client, their trailers by raw bytes."""

from collections.abc import Iterable, Mapping

from benchmarks.cases import MLSERVER
from benchmarks.h2load import LoadFailed
from benchmarks.payloads import Payload
from benchmarks.servers import Server
from benchmarks.workers import Workers

SAMPLE_CALLS = 256  # enough to warm a server up as well
_ANSWER_SECONDS = 60.0


class Checker:
    """Compares answers with ONNX Runtime's own.

    Args:
        workers: The children that ask.
        payloads: The requests.

    Attributes:
        answer_bytes: The size of an answer's message by server and payload.
    """

    def __init__(self, workers: Workers, payloads: Mapping[str, Payload]) -> None:
        self._workers = workers
        self._payloads = payloads
        self.answer_bytes: dict[tuple[str, str], int] = {}

    def check(self, servers: Iterable[Server]) -> None:
        """Check all answers of all servers.

        Raises:
            LoadFailed: One differs from ONNX Runtime's, or has another status than OK.
        """
        for server in servers:
            for payload in self._payloads.values():
                self._check_values(server, payload)
                self._check_trailers(server, payload)

    def _check_values(self, server: Server, payload: Payload) -> None:
        question = {"address": server.address, "expected": str(payload.expected)}
        found = self._workers.stock.ask(question, _ANSWER_SECONDS)
        if found["fault"]:
            raise LoadFailed(f"{server.name} answers {payload.name!r} wrong: {found['fault']}")

    def _check_trailers(self, server: Server, payload: Payload) -> None:
        """Decode all headers and trailers of a sample, and take the size of an answer."""
        job = {
            "address": server.address,
            "framed": str(payload.framed),
            "connections": 1,
            "streams": 8,
            "calls": SAMPLE_CALLS,
            "decode_all": True,
            "same": server.name != MLSERVER,  # it puts an id of its own into each answer
        }
        found = self._workers.blaster.ask(job, _ANSWER_SECONDS)
        if found["fault"]:
            raise LoadFailed(f"{server.name} answers {payload.name!r} wrong: {found['fault']}")
        self.answer_bytes[server.name, payload.name] = found["answer_bytes"]
