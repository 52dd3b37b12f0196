"""Throw-away processes: what they may do, how they end, and what they leave."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from registry.child_process import KILLED, ChildExit, ChildLimits, ChildProcess
from registry.reports import Fault
from tests.support.server_process import REPOSITORY, wait_for


def run_limits(**changes: float) -> ChildLimits:
    return ChildLimits(**{"seconds": 20.0} | changes)  # type: ignore[arg-type] # keywords of one type


async def run(
    children: ChildProcess, folder: Path, code: str, **changes: float
) -> tuple[ChildExit, list[bytes]]:
    """Run a program of one file, which the child finds in its own folder."""
    (folder / "program.py").write_text(code)
    lines: list[bytes] = []

    async def on_line(line: bytes) -> None:
        lines.append(line.strip())

    ended = await children.run("program", folder, run_limits(**changes), on_line)
    return ended, lines


async def test_a_child_works_in_its_folder_and_nowhere_else(
    children: ChildProcess, tmp_path: Path
) -> None:
    code = f"""
import socket
def tell(what):
    try:
        what()
        print("may", flush=True)
    except OSError:
        print("may not", flush=True)
tell(lambda: open("here", "w"))
tell(lambda: open({str(tmp_path.parent / "there")!r}, "w"))
tell(lambda: open({str(REPOSITORY / "pyproject.toml")!r}))
tell(lambda: open("/etc/shadow"))
tell(lambda: socket.create_connection(("127.0.0.1", 1), 1))
"""
    ended, lines = await run(children, tmp_path, code)
    assert (ended.code, lines) == (0, [b"may", *[b"may not"] * 4]), ended.errors


async def test_memory_is_bounded(children: ChildProcess, tmp_path: Path) -> None:
    ended, _ = await run(children, tmp_path, "bytearray(1 << 30)", memory_bytes=1 << 28)
    assert ended.describe(ChildLimits()).reason == "OUT_OF_MEMORY"


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM])
async def test_a_child_that_its_host_ends_may_be_tried_again(
    children: ChildProcess, tmp_path: Path, signal_: signal.Signals
) -> None:
    # Who measures coverage handles SIGTERM, and can't write outside of the folder.
    default = "" if signal_ is signal.SIGKILL else f"signal.signal({signal_:d}, signal.SIG_DFL)"
    code = f"import os, signal\n{default}\nos.kill(os.getpid(), {signal_:d})"
    ended, _ = await run(children, tmp_path, code)
    assert ended.describe(ChildLimits()).reason == KILLED


async def test_time_is_bounded_also_for_what_the_child_started(
    children: ChildProcess, tmp_path: Path
) -> None:
    code = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
    ended, lines = await run(children, tmp_path, code, seconds=3.0)
    assert ended.describe(ChildLimits()).reason == "TIMEOUT"
    wait_for(lambda: not is_alive(int(lines[0])))


@pytest.mark.parametrize("stdout", ["None", "subprocess.DEVNULL"])
async def test_a_child_that_leaves_a_process_behind_is_not_waited_for(
    children: ChildProcess, tmp_path: Path, stdout: str
) -> None:
    code = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout={stdout})
"""
    ended, _ = await run(children, tmp_path, code)
    assert ended.succeeded


async def test_a_line_that_is_too_long_is_dropped(children: ChildProcess, tmp_path: Path) -> None:
    code = 'print("x" * 200_000, flush=True)\nprint("short", flush=True)'
    ended, lines = await run(children, tmp_path, code)
    assert ended.succeeded
    assert lines[-1] == b"short"


async def test_a_cancelled_call_ends_the_child(children: ChildProcess, tmp_path: Path) -> None:
    code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    (tmp_path / "program.py").write_text(code)
    pids: asyncio.Queue[int] = asyncio.Queue()

    async def on_line(line: bytes) -> None:
        await pids.put(int(line))

    running = asyncio.create_task(children.run("program", tmp_path, run_limits(), on_line))
    pid = await asyncio.wait_for(pids.get(), 20)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not is_alive(pid)


async def test_a_child_that_is_killed_says_so(children: ChildProcess, tmp_path: Path) -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    (tmp_path / "program.py").write_text(code)
    answer = await children.ask("program", tmp_path, {"a": 1}, dict, run_limits())
    assert isinstance(answer, Fault)
    assert answer.reason == "CRASHED"
    assert str(-signal.SIGSEGV) in answer.message


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
