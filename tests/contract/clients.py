"""Stock clients: grpcio's two programming interfaces, and grpc-js in a process of its own."""

import asyncio
import json
import threading
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import grpc
from grpc import aio

from tests.contract.calls import Call, Outcome, only_ours
from tests.contract.scripts import pack, pack_pairs, unpack, unpack_pairs

# Clients take any size, so that what is refused is refused by the server.
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
_GREATEST_LINE = 64 << 20
NODE_FOLDER = Path(__file__).parent / "node"


class SyncClient:
    """grpcio as most people use it, in a thread."""

    joins_values = False
    loses_initial = False

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)

    async def call(self, call: Call) -> Outcome:
        """Make the call."""
        return await asyncio.to_thread(self._call, call)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _call(self, call: Call) -> Outcome:
        ended = threading.Event()
        running = self._start(call, ended)
        messages: list[bytes] = []
        try:
            answers = running if call.kind[1] else [running.result()]
            for message in answers:
                messages.append(message)
                if len(messages) == call.cancel_after:
                    running.cancel()
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        finally:
            ended.set()
        return Outcome(
            running.code().name,
            running.details() or "",
            tuple(messages),
            only_ours(running.initial_metadata()),
            only_ours(running.trailing_metadata()),
        )

    def _start(self, call: Call, ended: threading.Event) -> Any:
        options: dict[str, Any] = {
            "metadata": call.metadata,
            "timeout": call.timeout_seconds,
            "compression": grpc.Compression.Gzip if call.gzip else None,
        }
        match call.kind:
            case False, False:
                method: Any = self._channel.unary_unary(call.path)
                return method.future(call.requests[0], **options)
            case False, True:
                method = self._channel.unary_stream(call.path)
                return method(call.requests[0], **options)
            case True, False:
                method = self._channel.stream_unary(call.path)
                return method.future(_requests(call, ended), **options)
            case _:
                method = self._channel.stream_stream(call.path)
                return method(_requests(call, ended), **options)


def _requests(call: Call, ended: threading.Event) -> Iterator[bytes]:
    yield from call.requests
    if call.hold_open:
        ended.wait()


class AsyncClient:
    """grpcio on asyncio."""

    joins_values = False
    loses_initial = True

    def __init__(self, address: str) -> None:
        self._channel = aio.insecure_channel(address, options=_OPTIONS)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def call(self, call: Call) -> Outcome:
        """Make the call."""
        ended = asyncio.Event()
        running = self._start(call, ended)
        messages: list[bytes] = []
        try:
            async for message in _answers(running, streamed=call.kind[1]):
                messages.append(message)
                if len(messages) == call.cancel_after:
                    running.cancel()
        except (aio.AioRpcError, asyncio.CancelledError):
            pass
        finally:
            ended.set()
        return Outcome(
            (await running.code()).name,
            await running.details() or "",
            tuple(messages),
            only_ours(await running.initial_metadata()),
            only_ours(await running.trailing_metadata()),
        )

    def _start(self, call: Call, ended: asyncio.Event) -> Any:
        made: Any = {
            (False, False): self._channel.unary_unary,
            (False, True): self._channel.unary_stream,
            (True, False): self._channel.stream_unary,
            (True, True): self._channel.stream_stream,
        }[call.kind](call.path)
        return made(
            _async_requests(call, ended) if call.kind[0] else call.requests[0],
            metadata=aio.Metadata(*call.metadata),
            timeout=call.timeout_seconds,
            compression=grpc.Compression.Gzip if call.gzip else None,
        )


async def _answers(running: Any, *, streamed: bool) -> AsyncIterator[bytes]:
    if streamed:
        async for message in running:
            yield message
    else:
        yield await running


async def _async_requests(call: Call, ended: asyncio.Event) -> AsyncIterator[bytes]:
    for request in call.requests:
        yield request
    if call.hold_open:
        await ended.wait()


class NodeClient:
    """grpc-js: one process takes a call a line and answers with what came of it."""

    joins_values = True
    loses_initial = False

    def __init__(self, address: str) -> None:
        self._address = address
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start the process."""
        self._process = await create_subprocess_exec(
            "node", "client.js", self._address,
            cwd=NODE_FOLDER, stdin=PIPE, stdout=PIPE, limit=_GREATEST_LINE,
        )  # fmt: skip
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it by closing its input."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        assert await self._process.wait() == 0

    async def call(self, call: Call) -> Outcome:
        """Make the call."""
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        asked = {
            "path": call.path,
            "requestStream": call.kind[0],
            "responseStream": call.kind[1],
            "requests": [pack(request) for request in call.requests],
            "metadata": pack_pairs(call.metadata),
            "timeoutSeconds": call.timeout_seconds,
            "gzip": call.gzip,
            "cancelAfter": call.cancel_after,
            "holdOpen": call.hold_open,
        }
        async with self._turn:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            line = await self._process.stdout.readline()
        said = json.loads(line)
        return Outcome(
            said["code"],
            said["details"],
            tuple(unpack(message) for message in said["messages"]),
            only_ours(unpack_pairs(said["initial"])),
            only_ours(unpack_pairs(said["trailing"])),
        )
