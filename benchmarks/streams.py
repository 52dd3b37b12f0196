"""What a message of a stream costs: ModelStreamInfer on both of our transports.

    python -m benchmarks.streams --rounds 5 --seconds 1

A stock client on its own core keeps so many requests of one stream in flight. It is slower than
the server, so what counts is the server's processor time for each message. Every answer is
compared with the first one, and that with what ModelInfer answers.
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, cast

import grpc
import onnxruntime
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cases import LINEAR, OURS
from benchmarks.h2load import LoadFailed
from benchmarks.machine import describe_machine
from benchmarks.payloads import make_feeds, make_request
from benchmarks.processes import read_cpu_seconds
from benchmarks.servers import MODELS, Server, open_server
from modelyard.inference.v1 import inference_pb2 as pb

_SERVICE = "/inference.GRPCInferenceService/"
_CASES = ((1, 1), (1, 64), (10_000, 1), (10_000, 8))
"""How many rows a request has, and how many requests are in flight."""

Costs = dict[tuple[str, int, int], list["Cost"]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a load came to.

    Attributes:
        rate: Messages a second.
        server_seconds: The server's processor time for each.
    """

    rate: float
    server_seconds: float


def main(
    *,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=0.1)] = 1.0,
    server_core: int = 0,
    client_core: int = 1,
) -> None:
    """Measure and print a table."""
    console = Console(width=max(110, Console().width))
    costs: Costs = defaultdict(list)
    with TemporaryDirectory(prefix="modelyard-streams-") as name, ExitStack() as stack:
        servers = []
        for server in OURS:
            folder = Path(name) / server
            folder.mkdir()
            servers.append(stack.enter_context(open_server(server, folder, server_core)))
        os.sched_setaffinity(0, {client_core})
        for _ in range(rounds):
            for rows, in_flight in _CASES:
                for running in servers:
                    costs[running.name, rows, in_flight].append(
                        _measure(running, _make_message(rows), in_flight, seconds)
                    )
    console.print(_draw(costs))
    console.print(f"{describe_machine()}; {rounds} rounds of {seconds:g} s, medians")


def _make_message(rows: int) -> bytes:
    session = onnxruntime.InferenceSession(MODELS / f"{LINEAR}.onnx")
    return make_request(LINEAR, session, make_feeds(session, rows)).SerializeToString()


def _measure(server: Server, message: bytes, in_flight: int, seconds: float) -> Cost:
    with grpc.insecure_channel(server.address) as channel:
        call = cast("Callable[[bytes], bytes]", channel.unary_unary(f"{_SERVICE}ModelInfer"))
        expected = pb.ModelInferResponse.FromString(call(message))
        stream = cast(
            "Callable[[Iterator[bytes]], Iterator[bytes]]",
            channel.stream_stream(f"{_SERVICE}ModelStreamInfer"),
        )
        before, began = read_cpu_seconds(server.pid), time.perf_counter()
        count = _converse(stream, message, in_flight, began + seconds, expected)
        passed = time.perf_counter() - began
        return Cost(count / passed, (read_cpu_seconds(server.pid) - before) / count)


def _converse(
    stream: Callable[[Iterator[bytes]], Iterator[bytes]],
    message: bytes,
    in_flight: int,
    until: float,
    expected: pb.ModelInferResponse,
) -> int:
    """Send a message again and again until a time; return how many were answered."""
    slots = threading.Semaphore(in_flight)

    def requests() -> Iterator[bytes]:
        while time.perf_counter() < until:
            slots.acquire()
            yield message

    first, count = b"", 0
    for answer in stream(requests()):
        slots.release()
        count += 1
        first = first or _check(answer, expected)
        if answer != first:
            raise LoadFailed("a message of the stream was answered in another way")
    return count


def _check(answer: bytes, expected: pb.ModelInferResponse) -> bytes:
    found = pb.ModelStreamInferResponse.FromString(answer).infer_response
    if found.raw_output_contents != expected.raw_output_contents or not found.outputs:
        raise LoadFailed("the stream answers something else than ModelInfer")
    return answer


def _draw(costs: Costs) -> Table:
    table = Table(
        *("rows", "in flight", "messages/s", "server, us", "on grpcio: messages/s", "server, us"),
        *("server time, times as much",),
        title="ModelStreamInfer, model A, one stream of a stock client",
    )
    for rows, in_flight in _CASES:
        ours, reference = (costs[name, rows, in_flight] for name in OURS)
        ratio = median(
            b.server_seconds / a.server_seconds for a, b in zip(ours, reference, strict=True)
        )
        table.add_row(f"{rows:,}", str(in_flight), *_tell(ours), *_tell(reference), f"{ratio:.1f}")
    return table


def _tell(costs: list[Cost]) -> tuple[str, str]:
    rate = median(cost.rate for cost in costs)
    return f"{rate:,.0f}", f"{median(cost.server_seconds for cost in costs) * 1e6:,.1f}"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
