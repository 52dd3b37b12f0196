"""Fuzzes the transport for a while: python -m tests.fuzz SECONDS.

A failure is printed with the smallest input that hypothesis finds, and with the way to have
it again.
"""

import asyncio
import sys
import time

import structlog
from hypothesis import HealthCheck, given, settings

from tests.fuzz.inputs import connections
from tests.fuzz.target import feed

EXAMPLES_A_ROUND = 500


def main(seconds: float) -> None:
    """Fuzz for so long, in rounds with new random numbers each."""
    # Handlers fail all the time here; to write that down would be most of the work.
    quiet = structlog.make_filtering_bound_logger("critical")
    structlog.configure(wrapper_class=quiet)
    tried = 0

    @settings(
        max_examples=EXAMPLES_A_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(connections())
    def check(sent: list[bytes]) -> None:
        nonlocal tried
        tried += 1
        asyncio.run(feed(sent))

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check()
    print(f"{tried} connections in {seconds:.0f} s, and none did harm")


if __name__ == "__main__":
    main(float(sys.argv[1]))
