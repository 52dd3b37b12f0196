"""Who is answered when: everybody whose bytes have come, one after the other.

A connection is not answered where its bytes are read. Each entry into the kernel leaves a
processor's caches and branch predictors cold, and a call costs twice as much then. So the
loop first reads all sockets that are ready, then all calls are answered in a row, then all
answers are written: a transport writes at once, and a peer that is woken for each answer by
itself costs more than the answer.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import structlog

from server.express.limits import Limits

if TYPE_CHECKING:
    from server.express.connection import Connection

log = structlog.get_logger()


class Turns:
    """Gives connections their turns: first those that come anew, in the order they asked.

    Args:
        limits: How long turns may take, and how long the loop looks for more instead of
            sleeping: to fall asleep and be woken takes longer than many a call.

    Attributes:
        most_tasks: How many calls may begin in tasks in one turn: fewer while those take long.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.most_tasks = limits.turn_tasks
        self._waiting: dict[Connection, None] = {}
        self._unfinished: OrderedDict[Connection, None] = OrderedDict()
        self._unwritten: dict[Connection, None] = {}
        self._answered: list[Connection] = []
        self._awake_until = self._woken_at = 0.0
        self._is_awake = False

    def ask(self, connection: "Connection") -> None:
        """Have a connection take its turn when all that is ready has been read."""
        self._waiting[connection] = None
        if not self._is_awake:
            self._wake()

    def ask_again(self, connection: "Connection") -> None:
        """Have a connection that was not done in its turn take another, after all who wait."""
        self._unfinished[connection] = None
        if not self._is_awake:
            self._wake()

    def ask_write(self, connection: "Connection") -> None:
        """Have what a connection sends outside of its turn written, before the next turns."""
        self._unwritten[connection] = None
        if not self._is_awake:
            self._wake()

    def _wake(self) -> None:
        self._is_awake = True
        self._woken_at = time.monotonic()
        asyncio.get_running_loop().call_soon(self._give)

    def _give(self) -> None:
        self._weigh_tasks(time.monotonic() - self._woken_at)
        unwritten, self._unwritten = self._unwritten, {}
        _write(unwritten)
        waiting, self._waiting = self._waiting, {}
        unfinished = len(self._unfinished)
        for connection in waiting:
            self._answer(connection)
        if unfinished:
            self._go_on(unfinished)
        self._write_answered()
        now = time.monotonic()
        if waiting or unfinished:
            self._awake_until = now + self._limits.linger_seconds
        self._is_awake = False
        if now < self._awake_until or self._waiting or self._unfinished or self._unwritten:
            self._wake()

    def _weigh_tasks(self, waited_seconds: float) -> None:
        """Let fewer tasks begin when these turns had to wait long for those that ran."""
        if waited_seconds > self._limits.burst_seconds:
            self.most_tasks = 1
        elif self.most_tasks < self._limits.turn_tasks:
            self.most_tasks += 1

    def _go_on(self, most: int) -> None:
        """Go on with those who were not done, all together no longer than one turn.

        Whoever has many connections with much to do must not hold up the others the more.
        """
        begun, tasks = time.monotonic(), 0
        for _ in range(most):
            connection, _ = self._unfinished.popitem(last=False)
            self._answer(connection)
            tasks += connection.tasks_begun
            is_late = time.monotonic() - begun >= self._limits.turn_seconds
            if is_late or tasks >= self.most_tasks:
                break

    def _answer(self, connection: "Connection") -> None:
        _attempt(connection, connection.take_turn)
        answered = self._answered
        answered.append(connection)
        if connection.heard_at - answered[0].heard_at > self._limits.burst_seconds:
            self._write_answered()

    def _write_answered(self) -> None:
        _write(self._answered)
        self._answered.clear()


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
