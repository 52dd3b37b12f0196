"""modelyard-server: the command of the operator."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from server.background import Serving
from server.errors import CannotStart
from server.settings import MOST_PROCESSES, Settings, is_loopback, prepare_process
from server.telemetry import set_up_logging

# Before anything imports ONNX Runtime or gRPC.
prepare_process()

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # shows the values of variables, secrets among them
    help=__doc__,
)
log = structlog.get_logger()

NoWorker = Annotated[bool, typer.Option("--no-worker", help="Run no training worker.")]
ReadyFile = Annotated[
    Path | None, typer.Option(help="Write the line `listening ...` to this file, too.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Allow an address that others can reach.")
]
Processes = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_PROCESSES, help="Server processes that share the address."),
]
Supervised = Annotated[
    bool, typer.Option(hidden=True, help="Share the address; end when standard input does.")
]


@cli.command()
def serve(
    *,
    no_worker: NoWorker = False,
    ready_file: ReadyFile = None,
    insecure: Insecure = False,
    processes: Processes = None,
    supervised: Supervised = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C; prints one line when it is SERVING."""
    settings = load_settings()
    if processes:
        settings = settings.model_copy(update={"processes": processes})
    if not (insecure or settings.insecure or is_loopback(settings.grpc_address)):
        raise SystemExit(
            f"refusing to listen on {settings.grpc_address}: others can reach it, and there is"
            " neither authentication nor TLS yet; say --insecure if that is meant"
        )
    open_server = choose_server(settings, with_worker=not no_worker, supervised=supervised)

    async def run(stop: Stop) -> None:
        if supervised:
            watch_parent(stop)
        async with open_server() as serving:
            stop.started = True
            announce(serving.address, ready_file)
            await wait_for_either(stop, serving.broken)
            if serving.broken.is_set():
                raise CannotStart("a part of the server ended; its log tells which and why")

    run_until_signal(settings, run)


def choose_server(
    settings: Settings, *, with_worker: bool, supervised: bool
) -> Callable[[], AbstractAsyncContextManager[Serving]]:
    """Choose what serves: this process, or several that it looks after."""
    if settings.processes > 1 and not supervised:
        from server.supervisor import supervise  # noqa: PLC0415 - the supervisor is to be light

        return partial(supervise, settings, with_worker=with_worker)
    from server.app import serve as open_server  # noqa: PLC0415 - --help must not load it all

    with_worker = with_worker and not supervised
    return partial(open_server, settings, with_worker=with_worker, share_port=supervised)


@cli.command()
def worker(
    *,
    end_with_parent: Annotated[
        bool, typer.Option(hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Run training jobs until SIGTERM or Ctrl-C; the job at hand goes back to the queue."""
    settings = load_settings()
    from server.app import open_worker  # noqa: PLC0415 - --help must not load it all

    async def run(stop: Stop) -> None:
        if end_with_parent:
            watch_parent(stop)
        async with open_worker(settings) as opened:
            stop.started = True
            log.info("training worker is ready")
            await run_beside(opened.run(), stop)

    run_until_signal(settings, run)


@cli.command()
def migrate() -> None:
    """Bring the database to the schema of this release."""
    settings = load_settings()
    from server.database import upgrade_database  # noqa: PLC0415 - the same
    from server.storage import open_database  # noqa: PLC0415 - --help must not load it all

    async def run(_stop: Stop) -> None:
        # An embedded database is migrated by being opened.
        async with open_database(settings, migrating=True) as url:
            if settings.database_url:
                await asyncio.to_thread(upgrade_database, url)

    run_until_signal(settings, run)
    print("the database has the schema of this release")


@cli.command("check-config")
def check_config() -> None:
    """Read every setting and report all faults at once."""
    settings = load_settings()
    table = Table("setting", "value", "meaning")
    for name, field in Settings.model_fields.items():
        table.add_row(name, str(getattr(settings, name)), field.description)
    Console().print(table)


@cli.command()
def demo(
    *, once: Annotated[bool, typer.Option("--once", help="Exit after the predictions.")] = False
) -> None:
    """Show the whole way, on real data: upload, train, prove, predict."""
    settings = load_settings()
    from server.demo import run_demo  # noqa: PLC0415 - --help must not load it all

    async def run(_stop: Stop) -> None:
        # It has nothing to stop in order: a signal cancels it, wherever it is.
        await run_demo(settings, once=once)

    run_until_signal(settings, run)


def load_settings() -> Settings:
    """Read the settings; say everything that is wrong with them, then exit."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        ]
        raise SystemExit("\n".join(["the settings have faults:", *lines])) from None


class Stop(asyncio.Event):
    """Is set when the process shall stop.

    Args:
        task: What the process does.

    Attributes:
        started: Whether there is anything to stop in order; until then the task is cancelled.
    """

    def __init__(self, task: asyncio.Task[None]) -> None:
        super().__init__()
        self._task = task
        self.started = False

    def ask(self) -> None:
        """Ask to stop; the second time, insist."""
        if self.is_set() or not self.started:
            self._task.cancel()
        self.set()


def run_until_signal(settings: Settings, run: Callable[[Stop], Awaitable[None]]) -> None:
    """Run the event loop; the first SIGTERM or SIGINT asks to stop, the second one insists."""
    set_up_logging(settings)

    async def main() -> None:
        task = asyncio.current_task()
        assert task
        stop = Stop(task)
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signal_, stop.ask)
        await run(stop)

    try:
        run_loop(main())
    except asyncio.CancelledError:
        pass  # a signal before the start was over, or a second one
    except CannotStart as error:
        raise SystemExit(str(error)) from None


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one."""
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # noqa: PLC0415 - is not made for every system

    uvloop.run(main)


async def run_beside(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Run work until it fails or the event is set; then it is cancelled."""
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def wait_for_either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Wait until one of two events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in (first, second)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def watch_parent(stop: Stop) -> None:
    """Ask to stop when standard input ends: the process that started us is gone."""
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            if not stop.is_set():
                stop.ask()

    loop.add_reader(0, on_readable)


def announce(address: str, ready_file: Path | None) -> None:
    """Say that the server is SERVING, in the one line that scripts wait for."""
    line = f"listening grpc={address}"
    print(line, flush=True)
    if ready_file:
        ready_file.write_text(line + "\n")


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
