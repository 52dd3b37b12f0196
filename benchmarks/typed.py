"""What a typed call costs beside ModelInfer with the same rows.

    python -m benchmarks.typed --rounds 5 --seconds 1

First in one process, without a transport: parse, answer, serialize, in turns. Then over the
socket, against the server as shipped: one row by h2load over 8 connections with 8 calls each,
the time of a call on the server's core; many rows call by call, the server's processor time.
Answers are compared with ONNX Runtime's own before, and with the first one during the load.
"""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast

import grpc
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cases import EXPRESS, Case
from benchmarks.h2load import LoadFailed, check_sizes, require_h2load, run_h2load
from benchmarks.handler_loop import Handlers, make_handlers
from benchmarks.machine import describe_machine
from benchmarks.payloads import Payload
from benchmarks.processes import read_cpu_seconds
from benchmarks.servers import MODELS, Server, open_server
from benchmarks.typed_pairs import MODELS as ASKED
from benchmarks.typed_pairs import ROWS, Pair, check_answers, make_pair
from modelyard.inference.v1 import inference_pb2 as pb
from serving.typed.service import TypedService

MOST_COST = {1: 1.5, 1000: 1.3}
"""By rows, how many times as much as ModelInfer a typed call may cost."""

_CASE = Case("typed", "", "", connections=8, streams=8)
_PREFIX_BYTES = 5
_LOOP = asyncio.new_event_loop()
_LOOP_CALLS = {1: 500, 1000: 5}

Costs = dict[str, dict[str, list[float]]]
"""By pair and form, the seconds of a call, one figure for each round."""


def main(
    *,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=0.1)] = 1.0,
    server_core: int = 0,
    client_core: int = 1,
) -> None:
    """Measure both ways and print tables; end with 1 if a typed call costs more than it may."""
    console = Console(width=max(110, Console().width))
    try:
        require_h2load()
        with TemporaryDirectory(prefix="modelyard-typed-") as name:
            costs = _measure(Path(name), rounds, seconds, (server_core, client_core), console)
    except LoadFailed as error:
        raise SystemExit(str(error)) from error
    console.print(f"{describe_machine()}; {rounds} rounds of {seconds:g} s")
    if any(ratio > MOST_COST[rows] for rows, ratio in costs):
        raise SystemExit("a typed call costs more than it may")


def _measure(
    folder: Path, rounds: int, seconds: float, cores: tuple[int, int], console: Console
) -> list[tuple[int, float]]:
    files = {name: (MODELS / f"{name}.onnx").read_bytes() for name in ASKED}
    handlers = asyncio.run(make_handlers(files))
    pairs, services = [], {}
    for model in ASKED:
        (service,) = (s for s in handlers.typed.services.values() if s.schema.model_id == model)
        services[model] = service
        pairs += [make_pair(service, MODELS / f"{model}.onnx", rows, folder) for rows in ROWS]
    alone = _measure_alone(handlers, services, pairs, rounds, seconds)
    (folder / "server").mkdir()
    with open_server(EXPRESS, folder / "server", cores[0]) as server:
        served = _measure_served(server, services, pairs, rounds, seconds, cores[1])
    return [
        *_show("Handlers alone, one process", pairs, alone, console),
        *_show("Over the socket, express", pairs, served, console),
    ]


def _measure_alone(
    handlers: Handlers,
    services: dict[str, TypedService],
    pairs: list[Pair],
    rounds: int,
    seconds: float,
) -> Costs:
    costs: Costs = {pair.title: {"infer": [], "typed": []} for pair in pairs}
    for _ in range(rounds):
        for pair in pairs:
            infer = _make_infer(handlers, pair.infer.message)
            typed = _make_typed(services[pair.typed.model], pair.typed)
            check_answers(
                services[pair.infer.model],
                MODELS / f"{pair.infer.model}.onnx",
                pair.rows,
                infer(),
                typed(),
            )
            # In turns of a few milliseconds: whatever slows the machine slows both.
            for form, cost in _time_in_turns({"infer": infer, "typed": typed}, pair.rows, seconds):
                costs[pair.title][form].append(cost)
    return costs


def _make_infer(handlers: Handlers, message: bytes) -> Callable[[], bytes]:
    def call() -> bytes:
        answer = handlers.inference.ModelInfer(pb.ModelInferRequest.FromString(message), None)
        data: bytes = _finish(answer).SerializeToString()
        return data

    return call


def _make_typed(service: TypedService, payload: Payload) -> Callable[[], bytes]:
    handler: Any = service.handlers[payload.path.rpartition("/")[2]]

    def call() -> bytes:
        request = handler.request_deserializer(payload.message)
        answer = _finish(handler.unary_unary(request, None))
        data: bytes = handler.response_serializer(answer)
        return data

    return call


def _finish(answer: Any) -> Any:
    # What takes longer than a millisecond is run in a thread, and both forms wait for that.
    return _LOOP.run_until_complete(_wait(answer)) if isawaitable(answer) else answer


async def _wait(answer: Any) -> Any:
    return await answer


def _time_in_turns(
    calls: dict[str, Callable[[], bytes]], rows: int, seconds: float
) -> list[tuple[str, float]]:
    spent, done = dict.fromkeys(calls, 0.0), 0
    until = time.perf_counter() + 2 * seconds
    while time.perf_counter() < until:
        for form, call in calls.items():
            started = time.process_time()
            for _ in range(_LOOP_CALLS[rows]):
                call()
            spent[form] += time.process_time() - started
        done += _LOOP_CALLS[rows]
    return [(form, total / done) for form, total in spent.items()]


def _measure_served(
    server: Server,
    services: dict[str, TypedService],
    pairs: list[Pair],
    rounds: int,
    seconds: float,
    core: int,
) -> Costs:
    costs: Costs = {pair.title: {"infer": [], "typed": []} for pair in pairs}
    with grpc.insecure_channel(server.address) as channel:
        for number in range(rounds):
            for pair in pairs:
                forms = {"infer": pair.infer, "typed": pair.typed}
                answers = {
                    form: _open_call(channel, payload)(payload.message)
                    for form, payload in forms.items()
                }
                model = MODELS / f"{pair.infer.model}.onnx"
                check_answers(services[pair.infer.model], model, pair.rows, **answers)
                for form in sorted(forms, reverse=bool(number % 2)):
                    cost = (
                        _load(server, forms[form], len(answers[form]), seconds, core)
                        if pair.rows == 1
                        else _ask_in_a_row(server, channel, forms[form], answers[form], seconds)
                    )
                    costs[pair.title][form].append(cost)
    return costs


def _open_call(channel: grpc.Channel, payload: Payload) -> Callable[[bytes], bytes]:
    """Open a method that takes and gives bytes as they are."""
    return cast("Callable[[bytes], bytes]", channel.unary_unary(payload.path))


def _load(server: Server, payload: Payload, answer_bytes: int, seconds: float, core: int) -> float:
    """Have h2load send a request for a while; return the seconds of a call."""
    load = run_h2load(server.address, payload, _CASE, seconds=seconds, core=core, log=None)
    check_sizes(load, answer_bytes + _PREFIX_BYTES, _CASE)
    return load.seconds / load.calls


def _ask_in_a_row(
    server: Server, channel: grpc.Channel, payload: Payload, answer: bytes, seconds: float
) -> float:
    """Send a request call by call for a while; return the server's processor time of a call.

    h2load leaves large answers unfinished when the time is up, and counts them as failures.
    """
    call = _open_call(channel, payload)
    calls, before = 0, read_cpu_seconds(server.pid)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        if call(payload.message) != answer:
            raise LoadFailed(f"{payload.name} was answered in another way")
        calls += 1
    return (read_cpu_seconds(server.pid) - before) / calls


def _show(title: str, pairs: list[Pair], costs: Costs, console: Console) -> list[tuple[int, float]]:
    table = Table("rows", "ModelInfer, us", "typed, us", "ratio", "at most", title=title)
    ratios = []
    for pair in pairs:
        infer, typed = (costs[pair.title][form] for form in ("infer", "typed"))
        ratio = median(b / a for a, b in zip(infer, typed, strict=True))
        ratios.append((pair.rows, ratio))
        table.add_row(
            pair.title,
            f"{median(infer) * 1e6:.1f}",
            f"{median(typed) * 1e6:.1f}",
            f"{ratio:.2f}",
            f"{MOST_COST[pair.rows]}",
        )
    console.print(table)
    return ratios


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
