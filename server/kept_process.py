"""A command of ours in a process of its own, started again whenever it dies."""

import asyncio
import sys
from collections.abc import Mapping

import structlog

from server.errors import CannotStart
from server.settings import Settings, process_environment

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_MOST_STARTS = 3

log = structlog.get_logger()


class KeptProcess:
    """Keeps one `modelyard-server` command running.

    The command must end when its standard input does: this process holds on to the other
    end, so however it ends itself, the command notices and ends too.

    Args:
        name: What the log calls it.
        arguments: The command with its options.
        environment: Its settings.
        tells_ready: Whether it writes a line to standard output once it is ready. One that
            dies again and again before it ever did so is given up.
        stop_seconds: How long it may take to end in order; then it is killed.

    Attributes:
        ready: Is set once it has been ready.
    """

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        tells_ready: bool = False,
        stop_seconds: float = 10.0,
    ) -> None:
        self.ready = asyncio.Event()
        self._name = name
        self._arguments = arguments
        self._environment = dict(environment)
        self._tells_ready = tells_ready
        self._stop_seconds = stop_seconds
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Run until this call is cancelled; then have the command end in order.

        Raises:
            CannotStart: It is given up.
        """
        pause, starts = _FIRST_PAUSE_SECONDS, 0
        try:
            while True:
                began = asyncio.get_running_loop().time()
                code = await self._run_once()
                starts += 1
                if self._tells_ready and not self.ready.is_set() and starts == _MOST_STARTS:
                    raise CannotStart(
                        f"{self._name} ended {starts} times before it was ready, at last with"
                        f" code {code}; its log tells why"
                    )
                log.warning("a process ended; it is started again", name=self._name, code=code)
                if asyncio.get_running_loop().time() - began > _LONGEST_PAUSE_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        finally:
            await self._stop()

    async def _run_once(self) -> int:
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if self._tells_ready else None,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for this process, which then stops the other
        )
        if process.stdout and await process.stdout.readline():
            self.ready.set()
        return await process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(self._stop_seconds):
                await process.wait()
        except TimeoutError:
            log.warning("a process does not end in time; it is killed", name=self._name)
            process.kill()
            await process.wait()
        finally:  # whoever stops us may insist meanwhile
            if process.returncode is None:
                process.kill()


def keep_worker(settings: Settings, database_url: str) -> KeptProcess:
    """Make the training worker that runs beside a server."""
    environment = process_environment(settings, database_url)
    return KeptProcess("the training worker", ("worker", "--end-with-parent"), environment)
