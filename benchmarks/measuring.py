"""One measurement after the other, each with the processor time of everyone involved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cases import Case
from benchmarks.checks import Checker
from benchmarks.h2load import LoadFailed, check_sizes, read_percentiles, run_h2load
from benchmarks.payloads import Payload
from benchmarks.processes import read_cpu_seconds, read_machine_cpu_seconds
from benchmarks.servers import Server
from benchmarks.workers import Cores, Workers

HANDLER = "handler"
"""The loop without a transport, in place of a server."""

_JOB_SECONDS = 120.0
_METADATA = Case("metadata", "", "linear", 8, 8)


@dataclass(frozen=True, slots=True)
class Cell:
    """One server under one load in one round.

    Attributes:
        case: The load.
        server: The server.
        round: The round, from 0.
        calls: How many calls were answered.
        seconds: In what time.
        server_seconds: The processor time of the serving process.
        client_seconds: The processor time of the client.
        other_seconds: The processor time of all else on the machine.
        mean_seconds: The mean time of a call, if known.
        p50_seconds: Its median, if known.
        p99_seconds: Its 99th percentile, if known.
    """

    case: str
    server: str
    round: int
    calls: int
    seconds: float
    server_seconds: float
    client_seconds: float = 0.0
    other_seconds: float = 0.0
    mean_seconds: float | None = None
    p50_seconds: float | None = None
    p99_seconds: float | None = None

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


class _Clock:
    """Reads processor times before and after."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._machine = read_machine_cpu_seconds()
        self._server = read_cpu_seconds(pid)

    def stop(self) -> tuple[float, float]:
        """Return what the server has used since, and what the whole machine has."""
        server = read_cpu_seconds(self._pid) - self._server
        return server, read_machine_cpu_seconds() - self._machine


class Bench:
    """Measures, and keeps what it measured.

    Args:
        payloads: The requests.
        workers: The children that ask and measure.
        checker: Knows the size of every answer.
        cores: Who runs where.
        seconds: How long each measurement takes.

    Attributes:
        cells: What was measured.
    """

    def __init__(
        self,
        payloads: Mapping[str, Payload],
        workers: Workers,
        checker: Checker,
        cores: Cores,
        seconds: float,
    ) -> None:
        self.payloads = payloads
        self.cells: list[Cell] = []
        self._workers = workers
        self._checker = checker
        self._cores = cores
        self._seconds = seconds

    def measure(self, server: Server, case: Case, number: int) -> None:
        """Measure a server under h2load.

        Raises:
            LoadFailed: A call failed.
        """
        try:
            self.cells.append(self._load(server, case, number))
        except LoadFailed as error:
            raise LoadFailed(f"{server.name}, {case.title}: {error}") from error

    def _load(self, server: Server, case: Case, number: int) -> Cell:
        payload = self.payloads[case.payload]
        with TemporaryDirectory() as folder:
            # One call at a time leaves h2load the time to write a log.
            log = Path(folder) / "log" if case.connections * case.streams == 1 else None
            clock = _Clock(server.pid)
            load = run_h2load(
                server.address,
                payload,
                case,
                seconds=self._seconds,
                core=self._cores.client,
                log=log,
            )
            server_seconds, all_seconds = clock.stop()
            percentiles = read_percentiles(log) if log else {}
        check_sizes(load, self._checker.answer_bytes[server.name, payload.name], case)
        return Cell(
            case=case.name,
            server=server.name,
            round=number,
            calls=load.calls,
            seconds=load.seconds,
            server_seconds=server_seconds,
            client_seconds=load.client_seconds,
            other_seconds=max(0.0, all_seconds - server_seconds - load.client_seconds),
            mean_seconds=load.mean_seconds,
            **percentiles,
        )

    def measure_handler(self, name: str, number: int) -> None:
        """Measure our handler without a transport."""
        job = {"framed": str(self.payloads[name].framed), "seconds": self._seconds}
        found = self._workers.handler.ask(job, _JOB_SECONDS)
        self.cells.append(
            Cell(
                case=f"{HANDLER}-{name}",
                server=HANDLER,
                round=number,
                calls=found["calls"],
                seconds=found["seconds"],
                server_seconds=found["cpu_seconds"],
            )
        )

    def blast(self, server: Server, load: str, number: int, *, unique: bool) -> None:
        """Measure a server under `blaster`.

        Raises:
            LoadFailed: A call failed.
        """
        job = {
            "address": server.address,
            "framed": str(self.payloads[_METADATA.payload].framed),
            "connections": _METADATA.connections,
            "streams": _METADATA.streams,
            "seconds": self._seconds,
            "unique": unique,
        }
        clock = _Clock(server.pid)
        found = self._workers.blaster.ask(job, _JOB_SECONDS)
        server_seconds, _ = clock.stop()
        if found["fault"]:
            raise LoadFailed(f"{server.name}: {found['fault']}")
        self.cells.append(
            Cell(
                case=f"{_METADATA.name}-{load}",
                server=server.name,
                round=number,
                calls=found["calls"],
                seconds=found["seconds"],
                server_seconds=server_seconds,
                client_seconds=found["client_seconds"],
            )
        )
