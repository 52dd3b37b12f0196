"""In which order connections are answered, and when their answers are written."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from server.express.limits import Limits
from server.express.turns import Turns

if TYPE_CHECKING:
    from server.express.connection import Connection

LIMITS = Limits(linger_seconds=0, burst_seconds=60, turn_seconds=60, turn_tasks=4)


class Caller:
    """Stands in for a connection: notes its turns and its writes."""

    def __init__(
        self, name: str, notes: list[str], turn: Callable[[], None] = lambda: None
    ) -> None:
        self._name = name
        self._notes = notes
        self._turn = turn
        self.heard_at = 0.0
        self.tasks_begun = 0

    def take_turn(self) -> None:
        self._notes.append(f"{self._name} answered")
        self._turn()

    def flush(self) -> None:
        self._notes.append(f"{self._name} written")

    def as_connection(self) -> "Connection":
        return cast("Connection", self)


async def give() -> None:
    await asyncio.sleep(0)  # one turn of the loop
    await asyncio.sleep(0)


async def test_all_are_answered_before_any_answer_is_written() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    for name in "ab":
        turns.ask(Caller(name, notes).as_connection())
    await give()
    assert notes == ["a answered", "b answered", "a written", "b written"]


async def test_answers_do_not_wait_long_for_others() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    callers = [Caller(name, notes) for name in "abc"]
    callers[1].heard_at = 61
    for caller in callers:
        turns.ask(caller.as_connection())
    await give()
    assert notes[:4] == ["a answered", "b answered", "a written", "b written"]
    assert notes[4:] == ["c answered", "c written"]


async def test_who_had_a_turn_waits_for_those_who_had_none() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    turns.ask_again(Caller("had", notes).as_connection())
    turns.ask(Caller("new", notes).as_connection())
    await give()
    assert notes[:2] == ["new answered", "had answered"]


async def test_those_who_go_on_together_take_no_more_than_one_turn() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    callers = [Caller(name, notes) for name in "abc"]
    for caller in callers:
        caller.tasks_begun = 3
        turns.ask_again(caller.as_connection())
    await asyncio.sleep(0)
    turns.ask(Caller("new", notes).as_connection())
    await give()
    assert [it for it in notes if "answered" in it] == [
        "a answered",
        "b answered",
        "new answered",
        "c answered",
    ]


async def test_fewer_tasks_begin_while_they_take_long() -> None:
    turns = Turns(Limits(linger_seconds=0, burst_seconds=0, turn_tasks=4))
    turns.ask(Caller("a", []).as_connection())
    await give()
    assert turns.most_tasks == 1

    turns = Turns(LIMITS)
    turns.most_tasks = 1
    for most in (2, 3, 4, 4):
        turns.ask(Caller("a", []).as_connection())
        await give()
        assert turns.most_tasks == most


async def test_what_is_sent_outside_of_turns_leaves_before_the_next() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    turns.ask(Caller("a", notes).as_connection())
    turns.ask_write(Caller("task", notes).as_connection())
    await give()
    assert notes == ["task written", "a answered", "a written"]


async def test_who_asks_during_a_turn_is_not_forgotten() -> None:
    notes: list[str] = []
    turns = Turns(LIMITS)
    later = Caller("later", notes).as_connection()
    turns.ask(Caller("a", notes, lambda: turns.ask_write(later)).as_connection())
    await give()
    await give()
    assert notes == ["a answered", "a written", "later written"]
