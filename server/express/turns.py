"""Who is answered when: everybody whose bytes have come, one after the other.

A connection is not answered where its bytes are read. Each entry into the kernel leaves a
processor's caches and branch predictors cold, and a call costs twice as much then. So the
loop first reads all sockets that are ready, then all calls are answered in a row, then all
answers are written: a transport writes at once, and a peer that is woken for each answer by
itself costs more than the answer.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from server.express.connection import Connection

log = structlog.get_logger()


class Turns:
    """Gives connections their turns, in the order they asked.

    Args:
        linger_seconds: For how long after a turn the loop looks for more instead of sleeping:
            to fall asleep and be woken takes longer than many a call.
        burst_seconds: For how long turns follow each other before their answers are written.
    """

    def __init__(self, linger_seconds: float, burst_seconds: float) -> None:
        self._linger_seconds = linger_seconds
        self._burst_seconds = burst_seconds
        self._waiting: dict[Connection, None] = {}
        self._waiting_again: dict[Connection, None] = {}
        self._unwritten: dict[Connection, None] = {}
        self._awake_until = 0.0
        self._is_awake = False

    def ask(self, connection: "Connection") -> None:
        """Have a connection take its turn when all that is ready has been read."""
        self._waiting[connection] = None
        if not self._is_awake:
            self._wake()

    def ask_again(self, connection: "Connection") -> None:
        """Have a connection that was not done in its turn take another, after all who wait."""
        self._waiting_again[connection] = None
        if not self._is_awake:
            self._wake()

    def ask_write(self, connection: "Connection") -> None:
        """Have what a connection sends outside of its turn written, before the next turns."""
        self._unwritten[connection] = None
        if not self._is_awake:
            self._wake()

    def _wake(self) -> None:
        self._is_awake = True
        asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        unwritten, self._unwritten = self._unwritten, {}
        _write(unwritten)
        waiting = self._waiting | self._waiting_again
        self._waiting, self._waiting_again = {}, {}
        answered: list[Connection] = []
        for connection in waiting:
            _attempt(connection, connection.take_turn)
            answered.append(connection)
            if connection.heard_at - answered[0].heard_at > self._burst_seconds:
                _write(answered)
                answered.clear()
        _write(answered)
        now = time.monotonic()
        if waiting:
            self._awake_until = now + self._linger_seconds
        self._is_awake = False
        if now < self._awake_until or self._waiting or self._waiting_again or self._unwritten:
            self._wake()


def _write(connections: "Iterable[Connection]") -> None:
    for connection in connections:
        _attempt(connection, connection.flush)


def _attempt(connection: "Connection", action: Callable[[], None]) -> None:
    """Do something for a connection; a fault of ours must cost nobody else their turn."""
    try:
        action()
    except Exception:
        log.exception("a connection failed by a fault of ours")
        connection.closing.abort("fault")
