import asyncio
import os
import signal

import pytest

from server.errors import CannotStart
from server.kept_process import KeptProcess
from server.settings import child_environment
from tests.support.server_process import REPOSITORY, is_running, state_of, wait_for

ENVIRONMENT = {**child_environment(), "PYTHONPATH": str(REPOSITORY)}


async def test_a_command_that_never_gets_ready_is_given_up() -> None:
    kept = KeptProcess("it", ("no-such-command",), ENVIRONMENT, tells_ready=True)
    with pytest.raises(CannotStart, match=r"it ended 3 times before it was ready.*code 2"):
        await kept.run()
    assert not kept.ready.is_set()


def freeze(kept: KeptProcess) -> int:
    """Stop the process, so that it heeds nothing but a kill."""
    pid = wait_for(lambda: kept._process.pid if kept._process else None)
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: state_of(pid) == "T")
    return pid


async def test_a_command_that_does_not_end_is_killed() -> None:
    kept = KeptProcess("it", ("check-config",), ENVIRONMENT, stop_seconds=0.1)
    running = asyncio.create_task(kept.run())
    pid = await asyncio.to_thread(freeze, kept)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not is_running(pid)


async def test_who_insists_does_not_wait() -> None:
    kept = KeptProcess("it", ("check-config",), ENVIRONMENT, stop_seconds=3600)
    running = asyncio.create_task(kept.run())
    pid = await asyncio.to_thread(freeze, kept)
    running.cancel()
    await asyncio.sleep(0)  # it is told to end, and does not
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.to_thread(wait_for, lambda: not is_running(pid))
