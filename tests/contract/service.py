"""The service that both transports serve: it plays what the request says."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import aio

from tests.contract.scripts import pack_pairs, read_script, unpack, unpack_pairs

SERVICE = "contract.Play"
NOTHING = b"[]"
"""The script of a stream without any request."""

GENERIC_SERVICE = "contract.Generic"
"""The same, registered by a generic handler and not by name."""


@dataclass(frozen=True)
class Status:
    """A status to abort with."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: Any


class Player:
    """Handlers of every kind and both programming interfaces, over one interpreter of scripts."""

    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def handlers(self) -> dict[str, Any]:
        """Every method by its name; messages are bytes."""
        return {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
            "CollectRead": grpc.stream_unary_rpc_method_handler(self.collect_read),
            "Generate": grpc.unary_stream_rpc_method_handler(self.generate),
            "GenerateWrite": grpc.unary_stream_rpc_method_handler(self.generate_write),
            "Converse": grpc.stream_stream_rpc_method_handler(self.converse),
            "ConverseReadWrite": grpc.stream_stream_rpc_method_handler(self.converse_read_write),
            "Observe": grpc.unary_unary_rpc_method_handler(self.observe),
        }

    def echo(self, request: bytes, _context: Any) -> bytes:
        """Answer with the request, as a plain function."""
        return request

    async def unary(self, request: bytes, context: Any) -> bytes | None:
        """Play the request; the last reply is the answer."""
        return await _last(self._play(request, _none(), context))

    async def collect(self, requests: AsyncIterator[bytes], context: Any) -> bytes | None:
        """Play the first request; the iterator gives the others."""
        return await _last(self._play(await anext(requests, NOTHING), requests, context))

    async def collect_read(self, _requests: AsyncIterator[bytes], context: Any) -> bytes | None:
        """Play the first request; `read` gives the others."""
        return await _last(self._play(await context.read(), _reads(context), context))

    async def generate(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        """Play the request, replies by `yield`."""
        async for message in self._play(request, _none(), context):
            yield message

    async def generate_write(self, request: bytes, context: Any) -> None:
        """Play the request, replies by `write`."""
        async for message in self._play(request, _none(), context):
            await context.write(message)

    async def converse(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """Play the first request, replies by `yield`."""
        async for message in self._play(await anext(requests, NOTHING), requests, context):
            yield message

    async def converse_read_write(self, _requests: AsyncIterator[bytes], context: Any) -> None:
        """Play the first request by `read` and `write`."""
        async for message in self._play(await context.read(), _reads(context), context):
            await context.write(message)

    async def observe(self, request: bytes, _context: Any) -> bytes:
        """Answer when the event that the request names has happened."""
        await self._events[request.decode()].wait()
        return request

    async def _play(
        self, request: bytes, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        for step in read_script(request):
            match step["do"]:
                case "reply":
                    for _ in range(step["times"]):
                        yield unpack(step["message"]) + bytes(step["zeros"])
                case "read":
                    for _ in range(step["count"]):
                        await anext(requests)
                case "echo":
                    async for message in requests:
                        yield message
                case "count":
                    yield str(len([message async for message in requests])).encode()
                case "report":
                    yield _report(context)
                case _:
                    await self._act(step, context)

    async def _act(self, step: dict[str, Any], context: Any) -> None:
        match step["do"]:
            case "initial":
                await context.send_initial_metadata(unpack_pairs(step["metadata"]))
            case "trailing":
                context.set_trailing_metadata(unpack_pairs(step["metadata"]))
            case "status":
                context.set_code(grpc.StatusCode[step["code"]])
                context.set_details(step["details"])
            case "abort":
                await context.abort(*_status(step))
            case "abort_with_status":
                await context.abort_with_status(Status(*_status(step)))
            case "fail":
                raise RuntimeError(step["text"])
            case "compress":
                context.set_compression(grpc.Compression.Gzip)
            case _:
                await self._mark(step["do"], self._events[step["key"]], context)

    async def _mark(self, what: str, event: asyncio.Event, context: Any) -> None:
        match what:
            case "mark":
                event.set()
            case "mark_done":
                context.add_done_callback(lambda _: event.set())
            case "block":
                await _block(event)


async def _block(cancelled: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.set()
        raise


def _status(step: dict[str, Any]) -> tuple[grpc.StatusCode, str, Any]:
    return grpc.StatusCode[step["code"]], step["details"], unpack_pairs(step["metadata"])


def _report(context: Any) -> bytes:
    remaining = context.time_remaining()
    said = {
        "peer": context.peer(),
        "time_remaining": remaining if remaining is None else round(remaining),
        "metadata": pack_pairs(context.invocation_metadata()),
        "code": str(context.code()),
        "details": str(context.details()),
        "trailing": pack_pairs(context.trailing_metadata() or ()),
        "cancelled": context.cancelled(),
        "done": context.done(),
    }
    return json.dumps(said).encode()


async def _last(messages: AsyncIterator[bytes]) -> bytes | None:
    last = None
    async for message in messages:
        last = message
    return last


async def _none() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for message in nothing:
        yield message


async def _reads(context: Any) -> AsyncIterator[bytes]:
    while (message := await context.read()) is not aio.EOF:
        yield message
