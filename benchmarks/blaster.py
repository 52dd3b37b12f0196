"""Sends scripts over several connections; takes jobs as lines of JSON, in a process of its own.

A job has `address`, `framed` (a file of `payloads`), `connections`, `streams`, and either
`seconds` or `calls` for each connection; further `unique` and `cancel_every` of `scripts.Plan`,
`same` and `decode_all` of `Connection`. The answer
has `fault`, empty if all went well, `calls` and `seconds`, and `client_seconds` of processor
time, and `answer_bytes`, the size of an answer's message.
"""

import json
import select
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.connection import AnswerWrong, Connection
from benchmarks.scripts import Plan, write_script

MOST_CALLS_PER_SECOND = 150_000
"""Scripts are written for this before the clock starts."""
LONGEST_SECONDS = 600.0
STALL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Blast:
    """How a run went: calls until the time was up, in how many seconds."""

    calls: int
    seconds: float


def blast(connections: Sequence[Connection], seconds: float) -> Blast:
    """Keep every connection at its depth until the time or the scripts are over; then finish.

    Raises:
        AnswerWrong: A call failed, or nothing came for a while.
    """
    by_descriptor = {each.socket.fileno(): each for each in connections}
    with select.epoll() as poll:
        for descriptor, connection in by_descriptor.items():
            poll.register(descriptor, select.EPOLLIN)
            connection.fill()
        result = _run(poll, by_descriptor, seconds)
        while any(each.in_flight for each in connections):
            for descriptor in _wait(poll):
                by_descriptor[descriptor].pump()
    for connection in connections:
        connection.check_end()
    return result


def _run(poll: select.epoll, by_descriptor: dict[int, Connection], seconds: float) -> Blast:
    calls, elapsed, started = 0, 0.0, time.perf_counter()
    total = sum(each.length for each in by_descriptor.values())
    while elapsed < seconds and calls < total:
        for descriptor in _wait(poll):
            connection = by_descriptor[descriptor]
            calls += connection.pump()
            connection.fill()
        elapsed = time.perf_counter() - started
    return Blast(calls, elapsed)


def _wait(poll: select.epoll) -> list[int]:
    events = poll.poll(STALL_SECONDS)
    if not events:
        raise AnswerWrong(f"nothing came for {STALL_SECONDS:.0f} s")
    return [descriptor for descriptor, _ in events]


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job and tell how it went."""
    connections: list[Connection] = []
    try:
        connections = _connect(job)
        busy = time.process_time()
        result = blast(connections, job.get("seconds", LONGEST_SECONDS))
        if "seconds" in job and any(each.is_at_end for each in connections):
            return {"fault": "the server is quicker than MOST_CALLS_PER_SECOND"}
        return {
            "fault": "",
            "calls": result.calls,
            "seconds": result.seconds,
            "client_seconds": time.process_time() - busy,
            "answer_bytes": len(connections[0].answer),
        }
    except (AnswerWrong, OSError) as error:
        return {"fault": str(error) or repr(error)}
    finally:
        for connection in connections:
            connection.socket.close()


def _connect(job: dict[str, Any]) -> list[Connection]:
    count = job["connections"]
    calls = job.get("calls") or int(job["seconds"] * MOST_CALLS_PER_SECOND / count)
    framed = Path(job["framed"]).read_bytes()
    plan = Plan(
        job["address"],
        framed,
        calls,
        unique=job.get("unique", False),
        cancel_every=job.get("cancel_every", 0),
    )
    # Unique values are unique over all connections, so each of them has a script of its own.
    scripts = [write_script(plan) for _ in range(count if plan.unique else 1)]
    return [
        Connection(
            job["address"],
            scripts[index % len(scripts)],
            job["streams"],
            same=job.get("same", True),
            decode_all=job.get("decode_all", False),
        )
        for index in range(count)
    ]


def main() -> None:
    """Do jobs until the input ends."""
    for line in sys.stdin:
        print(json.dumps(run_job(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
