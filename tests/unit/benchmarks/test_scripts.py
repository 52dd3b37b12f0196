import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc import aio

from benchmarks.scripts import UNIQUE_BYTES, UNIQUE_HEADER, Plan, write_script

EMPTY = bytes(5)


class Listener:
    """A stock server that keeps the unique header of every call."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        self.port = 0

    async def answer(self, _: bytes, context: Any) -> bytes:
        found = dict(context.invocation_metadata()).get(UNIQUE_HEADER.decode())
        if found:
            self.seen.put_nowait(found)
        return b""


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    server = aio.server()
    handlers: dict[str, Any] = {"ModelInfer": grpc.unary_unary_rpc_method_handler(made.answer)}
    service = "inference.GRPCInferenceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    made.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield made
    await server.stop(None)


async def test_a_stock_server_takes_every_call_of_a_script_and_survives_the_cancelled_ones(
    listener: Listener,
) -> None:
    plan = Plan(f"127.0.0.1:{listener.port}", EMPTY, calls=40, unique=True, cancel_every=4)
    script = write_script(plan)
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(script.opener + script.calls)
    async with asyncio.timeout(30):
        seen = [await listener.seen.get() for _ in range(40)]
    writer.close()
    assert len(set(seen)) == 40
    assert {len(value) for value in seen} == {2 * UNIQUE_BYTES}
    assert len(script.cancelled) == 10


def test_ends_tell_calls_apart_and_what_flow_control_counts() -> None:
    framed = b"\0\0\0\0\x03abc"
    script = write_script(Plan("127.0.0.1:1", framed, calls=3, cancel_every=2))
    assert len(script.ends) == 3
    assert script.ends[-1] == len(script.calls)
    # A cancelled call goes before the first, whole, and before the third, by half.
    assert script.data_ends == [16, 24, 36]
    assert script.cancelled == {3, 9}
