"""Serves the contract's service: python -m tests.contract.serve NAME GRACE_SECONDS."""

import asyncio
import signal
import sys

import grpc
import structlog
import uvloop

from server.collector import settle_collector
from tests.contract.service import GENERIC_SERVICE, SERVICE, Player
from tests.contract.transports import SERVED


async def serve(name: str, grace_seconds: float) -> None:
    """Serve on a free port until SIGTERM, and print that port."""
    # Standard output belongs to the port; whoever reads that reads no logs.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([plain], logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    server = SERVED[name]()
    handlers = Player().handlers()
    server.add_registered_method_handlers(SERVICE, handlers)
    generic = grpc.method_handlers_generic_handler(GENERIC_SERVICE, handlers)
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settle_collector()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.stop(grace_seconds)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], float(sys.argv[2])))
