"""On what was measured, and when."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import REPOSITORY

_LIBRARIES = ("grpcio", "protobuf", "onnxruntime", "numpy", "uvloop")
_PEERS = ("kserve", "mlserver")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader of figures must know.

    Attributes:
        date: The day and the minute, in UTC.
        commit: The commit, with `+` if there were changes on top.
        processor: The processor's name.
        cores: How many cores there are.
        memory_gib: The memory.
        system: The operating system's kernel.
        versions: The releases of what takes part.
        load: How many processes ran or waited in the minute before.
    """

    date: str
    commit: str
    processor: str
    cores: int
    memory_gib: float
    system: str
    versions: dict[str, str]
    load: float

    @property
    def file_name(self) -> str:
        """What to call a file of results; later ones sort behind."""
        return f"{re.sub('[^0-9]', '', self.date)}-{self.commit}"

    def __str__(self) -> str:
        """Say it in one line."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.date}, commit {self.commit}; {self.processor}, {self.cores} cores,"
            f" {self.memory_gib:.0f} GiB, {self.system}; {versions}"
        )


def describe_machine() -> Machine:
    """Read what there is to say about this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return Machine(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        commit=_read_commit(),
        processor=_read_processor(),
        cores=os.cpu_count() or 0,
        memory_gib=round(memory, 1),
        system=f"{platform.system()} {platform.release()}",
        versions=_read_versions(),
        load=os.getloadavg()[0],
    )


def _read_commit() -> str:
    commit = _run_git("rev-parse", "--short", "HEAD") or "unknown"
    return commit + ("+" if _run_git("status", "--porcelain") else "")


def _run_git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _read_processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _read_versions() -> dict[str, str]:
    ours = {"Python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
    pins = REPOSITORY / "benchmarks" / "requirements"
    peers = {}
    for name in _PEERS:
        pin = re.search(rf"^{name}==(\S+)", (pins / f"{name}.in").read_text(), re.MULTILINE)
        peers[name] = pin[1] if pin else "unknown"
    return ours | peers
