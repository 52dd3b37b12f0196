"""h2load: run it pinned to a core, and read what it says."""

import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.payloads import Payload

MISSING = (
    "h2load is missing; it comes with nghttp2: `apt-get install nghttp2-client` on Debian and"
    " Ubuntu, `dnf install nghttp2` on Fedora"
)
_GRACE_SECONDS = 30.0
_REQUESTS = re.compile(
    r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed,"
    r" (\d+) errored, (\d+) timeout"
)
_STATUS = re.compile(r"status codes: (\d+) 2xx")
_DATA = re.compile(r"\((\d+)\) data$", re.MULTILINE)
_RATE = re.compile(r"finished in \S+, ([\d.]+) req/s")
_MEAN = re.compile(r"time for request: +\S+ +\S+ +([\d.]+)(us|ms|s) ")
_UNIT_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class LoadFailed(Exception):
    """h2load did not run, or calls failed; the text is for people."""


@dataclass(frozen=True, slots=True)
class Load:
    """What h2load saw.

    Attributes:
        calls: How many calls were answered.
        seconds: In what time.
        data_bytes: The size of all answers' messages, those of cut-off calls included.
        mean_seconds: The mean time of a call.
        client_seconds: The processor time that h2load used.
    """

    calls: int
    seconds: float
    data_bytes: int
    mean_seconds: float
    client_seconds: float


def require_h2load() -> None:
    """Look whether h2load is there.

    Raises:
        LoadFailed: It is not; the text says how to get it.
    """
    if not shutil.which("h2load"):
        raise LoadFailed(MISSING)


def run_h2load(
    address: str, payload: Payload, case: Case, *, seconds: float, core: int, log: Path | None
) -> Load:
    """Send a request again and again for a while.

    Args:
        address: HOST:PORT.
        payload: The request.
        case: How many connections and streams.
        seconds: How long.
        core: The core that h2load runs on.
        log: A file for the time of every call, see `read_percentiles`. It costs h2load time.

    Raises:
        LoadFailed: A call failed, or h2load did.
    """
    command = ["taskset", "--cpu-list", str(core), "h2load", "--threads=1"]
    command += [f"--clients={case.connections}", f"--max-concurrent-streams={case.streams}"]
    command += [f"--duration={round(seconds * 1000)}ms", f"--data={payload.framed}"]
    command += ["--header=content-type: application/grpc", "--header=te: trailers"]
    command += [f"--log-file={log}"] if log else []
    before = _children_seconds()
    done = subprocess.run(
        [*command, f"http://{address}{payload.path}"],
        capture_output=True,
        text=True,
        timeout=seconds + _GRACE_SECONDS,
        check=False,
    )
    return read_output(done.stdout, _children_seconds() - before)


def read_output(text: str, client_seconds: float) -> Load:
    """Read what h2load printed.

    Raises:
        LoadFailed: A call failed or had another HTTP status than 2xx, or the text is another.
    """
    found = [pattern.search(text) for pattern in (_REQUESTS, _STATUS, _DATA, _RATE, _MEAN)]
    requests, status, data, rate, mean = found
    if not (requests and status and data and rate and mean):
        raise LoadFailed(f"h2load said what is not understood:\n{text}")
    done, succeeded, failed, errored, late = map(int, requests.groups())
    if failed or errored or late or not done == succeeded == int(status[1]) or not done:
        raise LoadFailed(f"not all calls succeeded:\n{text}")
    return Load(
        calls=done,
        seconds=done / float(rate[1]),  # the time that it prints is rounded more
        data_bytes=int(data[1]),
        mean_seconds=float(mean[1]) * _UNIT_SECONDS[mean[2]],
        client_seconds=client_seconds,
    )


def check_sizes(load: Load, answer_bytes: int, case: Case) -> None:
    """Check that every answer had the message it must have; an error has none.

    Raises:
        LoadFailed: The sum of the sizes is another. Calls that the end of the time cut off
            may have left up to one message each.
    """
    surplus = load.data_bytes - load.calls * answer_bytes
    if not 0 <= surplus <= case.connections * case.streams * answer_bytes:
        raise LoadFailed(
            f"{load.calls} answers of {answer_bytes} bytes have {load.data_bytes} bytes together:"
            " some of them are errors"
        )


def read_percentiles(log: Path) -> dict[str, float]:
    """Read the median and the 99th percentile of the times of a log, in seconds."""
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    return {
        name: times[min(len(times) - 1, int(len(times) * part))] * 1e-6
        for name, part in (("p50_seconds", 0.5), ("p99_seconds", 0.99))
    }


def _children_seconds() -> float:
    """Read the processor time of all children that have ended; no other ends meanwhile."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
