"""Several server processes on one port, and the one process that looks after them.

It owns what there may be one of: the port, the embedded Postgres, the training worker. The
kernel shares out connections among the processes (SO_REUSEPORT), each of which is a whole
server. It answers no call itself, so nothing that a caller sends can bring it down.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from server.background import Serving, enter_background
from server.errors import CannotStart
from server.kept_process import KeptProcess, keep_worker
from server.settings import Settings, process_environment, split_address
from server.storage import open_database

_STOP_SECONDS = 10.0
_PATIENCE_SECONDS = 3.0
_LOOK_SECONDS = 0.1


@asynccontextmanager
async def supervise(settings: Settings, *, with_worker: bool) -> AsyncIterator[Serving]:
    """Serve by several processes for as long as the context is open.

    Args:
        settings: What the operator set.
        with_worker: Whether to run a training worker beside the servers.

    Raises:
        CannotStart: The port is taken, or a process dies again and again at its start.
    """
    async with AsyncExitStack() as stack:
        # The processes of a supervisor that was killed hold the port until they have drained.
        patience_seconds = settings.drain_seconds + _PATIENCE_SECONDS
        reserving = _reserve_port(settings.grpc_address, patience_seconds)
        port = stack.enter_context(await reserving)
        address = f"{split_address(settings.grpc_address)[0]}:{port.getsockname()[1]}"
        url = await stack.enter_async_context(open_database(settings))
        database_url = url.render_as_string(hide_password=False)
        broken = asyncio.Event()
        run = await enter_background(stack, broken)
        processes = _make_processes(settings, database_url, address)
        await _wait_until_ready(processes, [run(process.run()) for process in processes])
        if with_worker:
            run(keep_worker(settings, database_url).run())
        yield Serving(address, broken)


async def _reserve_port(address: str, patience_seconds: float) -> socket.socket:
    """Hold a port for the server processes, without listening on it.

    So port 0 becomes one number for all, and the port stays ours while they start.

    Args:
        address: HOST:PORT.
        patience_seconds: How long to wait for whoever has it to leave.

    Raises:
        CannotStart: It is taken.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise CannotStart("this system can't share a port; serve with one process")
    until = time.monotonic() + patience_seconds
    while True:
        try:
            return _bind(address)
        except OSError as error:
            if time.monotonic() > until:
                raise CannotStart(
                    f"can't listen on {address}: is another server there already?"
                    f" ({error.strerror})"
                ) from None
        await asyncio.sleep(_LOOK_SECONDS)


def _bind(address: str) -> socket.socket:
    host, port = split_address(address)
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, place = found[0]
    reserved = socket.socket(family, kind, protocol)
    try:
        # Connections that an earlier server closed don't matter; any other holder does.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(place)
        # From now on nobody gets it in that way, but our processes do, by sharing.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except OSError:
        reserved.close()
        raise
    return reserved


def _make_processes(settings: Settings, database_url: str, address: str) -> list[KeptProcess]:
    # Whether others may reach the address was decided here, before there were processes.
    decided = settings.model_copy(update={"grpc_address": address, "insecure": True})
    environment = process_environment(decided, database_url)
    return [
        KeptProcess(
            f"server process {number}",
            ("serve", "--supervised"),
            environment,
            tells_ready=True,
            stop_seconds=settings.drain_seconds + settings.grace_seconds + _STOP_SECONDS,
        )
        for number in range(1, settings.processes + 1)
    ]


async def _wait_until_ready(
    processes: list[KeptProcess], running: list[asyncio.Task[None]]
) -> None:
    """Wait until every process has been ready.

    Raises:
        CannotStart: One is given up.
    """

    async def wait() -> None:
        for process in processes:
            await process.ready.wait()

    waiting = asyncio.create_task(wait())
    try:
        await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            if task.done():
                task.result()
    finally:
        waiting.cancel()
