"""A gRPC server on asyncio, with the registration surface of grpc.aio.Server.

What differs, on purpose: `add_secure_port` takes an `ssl.SSLContext`, because gRPC's own
credentials can't be read; a plain function that answers one message with one is called at
once, in the event loop, and must not block; handlers of streams must be async.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress

import grpc
from grpc import aio

from server.express.connection import Connection
from server.express.limits import Limits
from server.express.ports import bind
from server.express.routes import ChangingHandler, Handler, Routes
from server.express.turns import Turns
from server.express.watch import watch

_BACKLOG = 1024
_GOODBYE_SECONDS = 1.0
_STOPPING = (grpc.StatusCode.UNAVAILABLE, "the server is stopping")


def server(
    *,
    interceptors: Sequence[aio.ServerInterceptor] = (),
    limits: Limits | None = None,
    reuse_port: bool = False,
) -> "ExpressServer":
    """Make a server, as grpc.aio.server does.

    Args:
        interceptors: Outermost first. A method is answered inline only if each of them has
            `wrap_inline`, see `routes.InlineInterceptor`.
        limits: What peers may ask of it.
        reuse_port: Whether several processes share its ports.
    """
    return ExpressServer(interceptors, limits or Limits(), reuse_port=reuse_port)


class ExpressServer:
    """Serves gRPC.

    Attributes:
        connections: Those that are open.
        open_calls: How many calls are not answered yet, those that are answered at once
            not among them.
        turns: Who is answered when.
        refusals: How often each limit or rule was broken, by its name.
    """

    def __init__(
        self, interceptors: Sequence[aio.ServerInterceptor], limits: Limits, *, reuse_port: bool
    ) -> None:
        self.limits = limits
        self.routes = Routes(interceptors)
        self.connections: set[Connection] = set()
        self.open_calls = 0
        self.refusals: Counter[str] = Counter()
        self.turns = Turns(limits)
        self._reuse_port = reuse_port
        self._held_bytes = 0
        self._ports: list[tuple[list[socket.socket], ssl.SSLContext | None]] = []
        self._servers: list[asyncio.Server] = []
        self._watching: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self._quiet = asyncio.Event()

    # Registration, before `start`.

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: dict[str, Handler]
    ) -> None:
        """Register the handlers of a service by the names of its methods."""
        self.routes.add_registered(service_name, method_handlers)

    def add_generic_rpc_handlers(
        self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        """Register handlers that are asked for each call of a method not registered by name.

        One that says when its methods change is asked once, see `routes.ChangingHandler`.
        """
        handlers = list(generic_rpc_handlers)
        self.routes.add_generic(handlers)
        for handler in handlers:
            if isinstance(handler, ChangingHandler):
                handler.add_listener(self._forget_routes)

    def _forget_routes(self) -> None:
        self.routes.forget_found()
        for connection in self.connections:
            connection.blocks.forget_heads()

    def add_insecure_port(self, address: str) -> int:
        """Take a port, HOST:PORT or unix:PATH, and return its number.

        Raises:
            RuntimeError: It can't be had.
        """
        return self._add_port(address, None)

    def add_secure_port(self, address: str, context: ssl.SSLContext) -> int:
        """Take a port for TLS, and return its number.

        Raises:
            RuntimeError: It can't be had.
        """
        context.set_alpn_protocols(["h2"])
        return self._add_port(address, context)

    def _add_port(self, address: str, context: ssl.SSLContext | None) -> int:
        sockets, number = bind(address, reuse_port=self._reuse_port)
        self._ports.append((sockets, context))
        return number

    # Life.

    async def start(self) -> None:
        """Begin to serve."""
        loop = asyncio.get_running_loop()
        for sockets, context in self._ports:
            for socket_ in sockets:
                self._servers.append(
                    await loop.create_server(
                        lambda encrypted=context is not None: Connection(
                            self, is_encrypted=encrypted
                        ),
                        sock=socket_,
                        ssl=context,
                        backlog=_BACKLOG,
                    )
                )
        self._watching = asyncio.create_task(watch(self))

    async def stop(self, grace: float | None) -> None:
        """Take no new connections and calls; let those at hand end, for a while.

        Args:
            grace: For how many seconds; None ends all at once.
        """
        for server_ in self._servers:
            server_.close()
        for connection in list(self.connections):
            connection.closing.drain()
        try:
            async with asyncio.timeout(grace or 0):
                while not all(c.closing.is_done() for c in self.connections):
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            for connection in list(self.connections):
                connection.table.refuse_all(*_STOPPING)
        for connection in list(self.connections):
            connection.closing.close()
        await self._wait_for_goodbyes()
        if self._watching:
            self._watching.cancel()
        self._stopped.set()

    async def _wait_for_goodbyes(self) -> None:
        """Let what is written reach the peers; one that takes nothing is not waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                while self.connections:
                    self._quiet.clear()
                    await self._quiet.wait()

    async def wait_for_termination(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the surface of grpc.aio.Server
    ) -> bool:
        """Wait until the server has stopped; tell whether the time ran out before."""
        try:
            async with asyncio.timeout(timeout):
                await self._stopped.wait()
        except TimeoutError:
            return True
        return False

    # What connections tell.

    def take_connection(self, connection: Connection) -> bool:
        """Take a new connection, unless there are too many."""
        self.connections.add(connection)
        return len(self.connections) <= self.limits.connections

    def lose_connection(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self.connections.discard(connection)
        self._quiet.set()

    def note_quiet(self) -> None:
        """Take note that a connection has no call, or nothing to send, any more."""
        self._quiet.set()

    def count_refusal(self, limit: str) -> None:
        """Count what a peer was refused for."""
        self.refusals[limit] += 1

    def hold(self, change_bytes: int) -> bool:
        """Account for bytes that connections keep; tell whether they may grow to that."""
        self._held_bytes += change_bytes
        return change_bytes <= 0 or self._held_bytes <= self.limits.held_bytes
