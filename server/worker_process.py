"""The training worker that `serve` runs beside itself, in a process of its own."""

import asyncio
import sys
from collections.abc import Mapping

import structlog

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 10.0

log = structlog.get_logger()


class WorkerProcess:
    """Keeps one worker running; starts it again when it dies.

    Args:
        environment: The worker's settings.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Run until this call is cancelled; then stop the worker, which gives its job back."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                started = asyncio.get_running_loop().time()
                code = await self._run_once()
                log.warning("the training worker ended; it is started again", code=code)
                if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        finally:
            await self._stop()

    async def _run_once(self) -> int:
        # The worker holds on to the other end of its standard input: when this process
        # ends, however it ends, the worker notices and ends too.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server", "worker", "--end-with-parent"),
            stdin=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is for this process, which then stops the worker
        )
        return await self._process.wait()

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
