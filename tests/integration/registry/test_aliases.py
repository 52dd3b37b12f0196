import asyncio

import pytest

from registry import aliases
from registry.aliases import Move
from registry.errors import (
    AliasAlreadyExists,
    AliasNotFound,
    EtagMismatch,
    ModelNotFound,
    VersionNotFound,
    VersionStateInvalid,
)
from registry.paging import Page
from registry.transactions import Sessions, begin
from registry.versions import get_version
from tests.support.registered import add_version


async def test_the_first_active_version_becomes_champion_and_the_next_does_not(
    sessions: Sessions,
) -> None:
    failed = await add_version(sessions, "m", fails=True)
    first = await add_version(sessions, "m")
    second = await add_version(sessions, "m")
    assert (failed.aliases, first.aliases, second.aliases) == ((), ("champion",), ())


async def test_moving_compares_then_sets(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    await add_version(sessions, "m")
    async with begin(sessions) as session:
        seen = await aliases.get_alias(session, "m", "champion")
    async with begin(sessions) as session:
        moved = await aliases.move_alias(session, Move("m", "champion", 2, etag=seen.etag))
    assert (moved.number, moved.etag != seen.etag) == (2, True)
    with pytest.raises(EtagMismatch):
        async with begin(sessions) as session:
            await aliases.move_alias(session, Move("m", "champion", 1, etag=seen.etag))
    async with begin(sessions) as session:
        assert (await get_version(session, "m", "champion")).number == 2


async def test_of_ten_movers_with_the_same_etag_one_wins(sessions: Sessions) -> None:
    for _ in range(11):
        await add_version(sessions, "m")
    async with begin(sessions) as session:
        etag = (await aliases.get_alias(session, "m", "champion")).etag

    async def move(number: int) -> bool:
        try:
            async with begin(sessions) as session:
                await aliases.move_alias(session, Move("m", "champion", number, etag=etag))
        except EtagMismatch:
            return False
        return True

    assert sum(await asyncio.gather(*[move(number) for number in range(2, 12)])) == 1


async def test_an_alias_may_be_made_by_moving_it(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    with pytest.raises(AliasNotFound):
        async with begin(sessions) as session:
            await aliases.move_alias(session, Move("m", "canary", 1))
    async with begin(sessions) as session:
        made = await aliases.move_alias(session, Move("m", "canary", 1, allow_missing=True))
    assert made.number == 1


async def test_an_etag_of_nothing_matches_nothing(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    with pytest.raises(EtagMismatch):
        async with begin(sessions) as session:
            await aliases.move_alias(session, Move("m", "new", 1, etag='"1-1"', allow_missing=True))


async def test_targets_must_exist_and_be_active(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    await add_version(sessions, "m", fails=True)
    for number, error in ((2, VersionStateInvalid), (3, VersionNotFound)):
        with pytest.raises(error):
            async with begin(sessions) as session:
                await aliases.create_alias(session, Move("m", "canary", number))
    with pytest.raises(ModelNotFound):
        async with begin(sessions) as session:
            await aliases.create_alias(session, Move("none", "canary", 1))


async def test_a_taken_alias_is_not_made_again(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    with pytest.raises(AliasAlreadyExists):
        async with begin(sessions) as session:
            await aliases.create_alias(session, Move("m", "champion", 1))


async def test_aliases_are_listed_by_name(sessions: Sessions) -> None:
    await add_version(sessions, "m")
    async with begin(sessions) as session:
        for name in ("b", "a"):
            await aliases.create_alias(session, Move("m", name, 1))
    async with begin(sessions) as session:
        everything = await aliases.list_aliases(session, "m", Page(10, None))
        rest = await aliases.list_aliases(session, "m", Page(10, "b"))
        few = await aliases.list_aliases_of(session, ["m", "none"], 2)
    assert [alias.alias_id for alias in everything] == ["a", "b", "champion"]
    assert [alias.alias_id for alias in rest] == ["champion"]
    assert [alias.alias_id for alias in few["m"]] == ["a", "b"]
