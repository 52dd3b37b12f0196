"""A stock client that calls all the while: python -m tests.attack.canary ADDRESS.

Calls one after the other until its standard input is closed; then it prints, in JSON, when
each call began, how long it took (both in seconds of the monotonic clock), and whether it failed.
"""

import json
import sys
import threading
import time
from typing import Any

import grpc

from tests.contract.service import SERVICE

PAUSE_SECONDS = 0.002
TIMEOUT_SECONDS = 5.0
MOST_CALLS = 1_000_000


def call_until(stopped: threading.Event, address: str) -> list[tuple[float, float, bool]]:
    """Call until told to stop."""
    calls: list[tuple[float, float, bool]] = []
    with grpc.insecure_channel(address) as channel:
        echo: Any = channel.unary_unary(f"/{SERVICE}/Echo")
        echo(b"", wait_for_ready=True, timeout=TIMEOUT_SECONDS)
        sys.stdout.write("calling\n")
        sys.stdout.flush()
        done = False
        while not done:
            # Once more after it was told to stop, so that there is a call after every event.
            done = stopped.wait(PAUSE_SECONDS) or len(calls) > MOST_CALLS
            began = time.monotonic()
            try:
                failed = echo(b"canary", timeout=TIMEOUT_SECONDS) != b"canary"
            except grpc.RpcError:
                failed = True
            calls.append((began, time.monotonic() - began, failed))
    return calls


def main() -> None:
    """Call until standard input is closed."""
    stopped = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stopped.set()

    threading.Thread(target=wait, daemon=True).start()
    sys.stdout.write(json.dumps(call_until(stopped, sys.argv[1])) + "\n")


if __name__ == "__main__":
    main()
