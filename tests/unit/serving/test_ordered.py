import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from serving.ordered import answer_in_order


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def test_answers_keep_the_order_of_requests_that_end_in_another() -> None:
    gates = [asyncio.Event() for _ in range(3)]
    begun: list[int] = []

    async def answer(number: int) -> int:
        begun.append(number)
        if number == 2:  # the last opens the first, so all three are worked on at a time
            gates[0].set()
        await gates[number].wait()
        gates[(number + 1) % 3].set()
        return number * 10

    gates[2].set()
    assert [a async for a in answer_in_order(numbers(3), answer, 3)] == [0, 10, 20]
    assert begun == [0, 1, 2]


async def test_no_more_is_read_than_may_be_open() -> None:
    read: list[int] = []

    async def requests() -> AsyncIterator[int]:
        async for number in numbers(10):
            read.append(number)
            yield number

    async def answer(number: int) -> int:
        return number

    answers = answer_in_order(requests(), answer, 2)
    assert await anext(answers) == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert read == [0, 1, 2]  # two are open, the third waits for a place
    assert [a async for a in answers] == list(range(1, 10))


async def test_what_an_answer_raises_comes_after_the_answers_before_it() -> None:
    cancelled: list[int] = []

    async def answer(number: int) -> int:
        if number == 1:
            raise ValueError(number)
        if number > 1:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(number)
        return number

    answers = answer_in_order(numbers(4), answer, 4)
    assert await anext(answers) == 0
    with pytest.raises(ValueError, match="1"):
        await anext(answers)
    assert cancelled == [2, 3]


async def test_what_reading_raises_comes_after_the_answers_that_are_due() -> None:
    async def requests() -> AsyncIterator[int]:
        yield 0
        raise ConnectionError("the caller is gone")

    async def answer(number: int) -> int:
        await asyncio.sleep(0)
        return number

    answers = answer_in_order(requests(), answer, 4)
    assert await anext(answers) == 0
    with pytest.raises(ConnectionError):
        await anext(answers)


async def test_closing_ends_what_is_under_way() -> None:
    ended: list[int] = []

    async def answer(number: int) -> int:
        if number == 0:
            return 0
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)
        return number

    answers = answer_in_order(numbers(3), answer, 8)
    assert await anext(answers) == 0
    await asyncio.sleep(0)
    await answers.aclose()
    assert ended == [1, 2]


async def test_a_request_whose_answer_failed_goes_without_the_garbage_collector() -> None:
    class Request:
        """Something that can be referred to weakly."""

    made: list[weakref.ref[Request]] = []

    async def requests() -> AsyncIterator[Request]:
        request = Request()
        made.append(weakref.ref(request))
        yield request

    async def answer(request: Request) -> int:
        raise ValueError(type(request))

    gc.disable()
    try:
        with pytest.raises(ValueError, match="Request"):
            await anext(answer_in_order(requests(), answer, 2))
        assert [request() for request in made] == [None]
    finally:
        gc.enable()
