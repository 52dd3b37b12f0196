"""What other callers notice of every attack: python -m tests.attack SECONDS [NAME...].

The server has one core to itself; attackers and canary share the other. Attack and quiet take
turns of a second, so that whatever else the machine does falls on both. The attacker begins
at most ten rounds a second, each as much as the server bears of it: that is some ten thousand
hostile frames a second, and leaves the canary its part of their core.
"""

import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.attack.attacks import ATTACKS, Attack
from tests.attack.flock import Canary, calling
from tests.contract.processes import serving

TURN_SECONDS = 1.0
ROUND_SECONDS = 0.1
MOST_SLOWER = 2.0
SERVER_CPU, *_, ATTACKER_CPU = 2 * sorted(os.sched_getaffinity(0))


@dataclass
class Measured:
    """What one attack did.

    Attributes:
        canary: The calls of somebody else.
        quiet: When nothing happened, as spans of the monotonic clock.
        attacked: When the attack went on.
        rounds: How often it was carried out.
        grown_bytes: How much memory the server had more at the end.
        said: What the server said to the attacker.
    """

    canary: Canary = field(default_factory=Canary)
    quiet: list[tuple[float, float]] = field(default_factory=list)
    attacked: list[tuple[float, float]] = field(default_factory=list)
    rounds: int = 0
    grown_bytes: int = 0
    said: Counter[str] = field(default_factory=Counter)

    def percentiles(self, spans: list[tuple[float, float]]) -> tuple[float, float]:
        """The median and the 99th percentile of the canary's calls, in milliseconds."""
        found = self.canary.latencies(spans)
        return found[len(found) // 2] * 1e3, found[len(found) * 99 // 100] * 1e3


def measure(attack: Attack, seconds: float) -> Measured:
    """Carry an attack out again and again, with pauses, for so long."""
    measured = Measured()
    with serving("guarded") as served:
        _pin(served.pid, SERVER_CPU)
        with calling(served.address, measured.canary) as pid:
            _pin(pid, ATTACKER_CPU)
            _prefer(pid)
            before = served.resident_bytes()
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                begin = time.monotonic()
                time.sleep(TURN_SECONDS)
                middle = time.monotonic()
                _attack_for(TURN_SECONDS, attack, served.address, measured)
                measured.quiet.append((begin, middle))
                measured.attacked.append((middle, time.monotonic()))
            measured.grown_bytes = served.resident_bytes() - before
    return measured


def _attack_for(seconds: float, attack: Attack, address: str, measured: Measured) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        next_round = time.monotonic() + ROUND_SECONDS
        measured.said += attack.round(address)
        measured.rounds += 1
        time.sleep(max(0.0, next_round - time.monotonic()))


def _pin(pid: int, cpu: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {cpu})


def _prefer(pid: int) -> None:
    """Let the canary run as soon as it can: the server is measured, not the attackers' core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Only root may; others see the attackers' share of that core in the figures as well.
        with suppress(PermissionError):
            os.sched_setscheduler(int(task.name), os.SCHED_RR, os.sched_param(1))


def main(seconds: float, names: list[str]) -> int:
    """Print a line for each attack; return how many were too much."""
    print(
        f"{'attack':26} rounds  calls failed {'p50 ms quiet/attack':>21} {'p99 ms':>20}  grown MB"
    )
    failed = 0
    _pin(os.getpid(), ATTACKER_CPU)
    for attack in ATTACKS:
        if names and attack.name not in names:
            continue
        measured = measure(attack, seconds)
        quiet, attacked = (measured.percentiles(s) for s in (measured.quiet, measured.attacked))
        passed = measured.canary.failures == 0 and attacked[1] <= MOST_SLOWER * quiet[1]
        failed += not passed
        print(
            f"{attack.name:26} {measured.rounds:6} {len(measured.canary.calls):6} "
            f"{measured.canary.failures:6}   {quiet[0]:8.2f} / {attacked[0]:<8.2f} "
            f"{quiet[1]:10.2f} / {attacked[1]:<8.2f} {measured.grown_bytes >> 20:8} "
            f"{'' if passed else 'NOT WITHSTOOD'}",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
