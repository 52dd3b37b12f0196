"""The children that ask and measure, beside h2load."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Worker
from benchmarks.servers import BIN, BUILD, MODELS, REPOSITORY, STOCK_PYTHON


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the servers have, and which the clients."""

    server: int
    client: int


@dataclass(frozen=True, slots=True)
class Workers:
    """The children, each idle until asked.

    Attributes:
        stock: `stock_checker`.
        blaster: `blaster`.
        handler: `handler_loop`, on the servers' core.
    """

    stock: Worker
    blaster: Worker
    handler: Worker


def open_workers(stack: ExitStack, folder: Path, cores: Cores) -> Workers:
    """Start them all; they end with the stack."""
    tools = BUILD / "tools" / "bin" / "python"

    def start(name: str, command: list[str | Path], core: int) -> Worker:
        log = folder / f"{name}.log"
        return stack.enter_context(Worker(command, core=core, log=log, folder=REPOSITORY))

    return Workers(
        stock=start("stock", [STOCK_PYTHON, "benchmarks/stock_checker.py"], cores.client),
        blaster=start("blaster", [tools, "-m", "benchmarks.blaster"], cores.client),
        handler=start(
            "handler", [BIN / "python", "-m", "benchmarks.handler_loop", MODELS], cores.server
        ),
    )
