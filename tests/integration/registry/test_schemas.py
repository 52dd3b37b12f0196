"""Schemas in a real database: who gets which, what a promotion moves, what is refused."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from registry import aliases, schemas, versions
from registry.aliases import Move
from registry.artifact_store import LocalArtifactStore
from registry.errors import SchemaNotFound, VersionNotFound
from registry.models import ensure_model
from registry.signature import Signature, TensorSpec
from registry.transactions import Sessions, begin
from registry.version import Verdict, Version, VersionDraft, VersionState
from server.serving_source import ServingSource
from serving.snapshot import ServableModel
from tests.support.registered import FILE, add_version

Y = TensorSpec("y", "FP32", (-1, 1))


def signature(*names: str, datatype: str = "FP32") -> Signature:
    return Signature(tuple(TensorSpec(name, datatype, (-1, 1)) for name in names), (Y,))


async def register(sessions: Sessions, found: Signature) -> Version:
    async with begin(sessions) as session:
        await ensure_model(session, "m")
        return await versions.register_version(
            session, "m", VersionDraft(), (FILE,), Verdict((), found)
        )


async def promote(sessions: Sessions, number: int, alias: str = "champion") -> None:
    async with begin(sessions) as session:
        move = Move("m", alias, number, allow_missing=True)
        await aliases.move_alias(session, move)


async def served(sessions: Sessions, store: LocalArtifactStore) -> ServableModel:
    return (await ServingSource(sessions, store).read_snapshot()).models["m"]


async def test_each_schema_is_answered_by_its_last_champion(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    found = [
        signature("a"),
        signature("a", "b"),
        signature("a", datatype="FP64"),
        signature("b"),
    ]
    majors = [(await register(sessions, each)).schema_major for each in found]
    assert majors == [1, 1, 2, 1]

    async def pins() -> dict[int, int]:
        schemas = (await served(sessions, store)).schemas
        return {major: schema.number for major, schema in schemas.items()}

    assert await pins() == {1: 1}
    await promote(sessions, 3, alias="canary")
    assert await pins() == {1: 1}
    await promote(sessions, 2)
    assert await pins() == {1: 2}
    await promote(sessions, 3)
    assert await pins() == {1: 2, 2: 3}
    await promote(sessions, 4)
    assert await pins() == {1: 4, 2: 3}
    model = await served(sessions, store)
    numbers = {field.name: field.number for field in model.schemas[1].schema.inputs}
    assert numbers == {"a": 1, "b": 2}
    assert [field.number for field in model.schemas[2].schema.inputs] == [3]


async def test_what_was_read_of_a_schema_is_read_again_only_when_it_changed(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    source = ServingSource(sessions, store)
    await register(sessions, signature("a"))
    first = (await source.read_snapshot()).models["m"]
    await add_version(sessions, "other")
    second = (await source.read_snapshot()).models["m"]
    assert second.schemas[1].schema is first.schemas[1].schema
    await register(sessions, signature("a", "b"))
    third = (await source.read_snapshot()).models["m"]
    assert [field.name for field in third.schemas[1].schema.inputs] == ["a", "b"]
    assert len(source._schemas) == 2


async def test_columns_that_can_not_be_told_apart_fail_the_version(sessions: Sessions) -> None:
    version = await register(sessions, signature("a b", "a_b"))
    assert version.state == VersionState.FAILED
    (fault,) = version.verdict.faults
    assert fault.reason == "COLUMN_NAMES_COLLIDE"
    assert "'a_b' can't be told from 'a b'" in fault.message


async def test_tensors_that_are_no_rows_leave_a_version_without_a_service(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    fixed = Signature((TensorSpec("x", "FP32", (1, 3)),), (Y,))
    version = await register(sessions, fixed)
    assert (version.state, version.schema_major) == (VersionState.ACTIVE, 0)
    assert not (await served(sessions, store)).schemas
    async with begin(sessions) as session:
        with pytest.raises(SchemaNotFound, match="there are: none"):
            await schemas.get_schema(session, "m", 0)
        comparison = await schemas.compare_with_champion(session, "m", "1")
    assert (comparison.is_compatible, comparison.changes) == (True, ())


async def test_versions_of_an_earlier_release_get_theirs_when_a_server_starts(
    sessions: Sessions, store: LocalArtifactStore
) -> None:
    for found in (signature("a"), signature("a", datatype="FP64"), signature("a", "b")):
        await register(sessions, found)
    await promote(sessions, 3)
    async with begin(sessions) as session:
        await session.execute(text("update model_versions set schema_major = null"))
        await session.execute(text("delete from model_schemas"))
    assert not (await served(sessions, store)).schemas
    async with begin(sessions) as session:
        assert await schemas.assign_missing(session)
        assert not await schemas.assign_missing(session)
    model = await served(sessions, store)
    assert {major: schema.number for major, schema in model.schemas.items()} == {1: 3}
    async with begin(sessions) as session:
        version = await versions.get_version(session, "m", "2")
    assert version.schema_major == 2


async def test_a_schema_is_found_by_its_number_or_through_the_champion(
    sessions: Sessions,
) -> None:
    seen = replace(TensorSpec("a", "FP32", (-1, 1)), minimum=1.0, maximum=2.0)
    await register(sessions, Signature((seen,), (Y,)))
    await register(sessions, signature("a", datatype="FP64"))
    async with begin(sessions) as session:
        champion = await schemas.get_schema(session, "m", 0)
        second = await schemas.get_schema(session, "m", 2)
        with pytest.raises(SchemaNotFound, match="there are: v1, v2"):
            await schemas.get_schema(session, "m", 3)
        with pytest.raises(VersionNotFound):
            await schemas.compare_with_champion(session, "m", "canary")
        other = await schemas.compare_with_champion(session, "m", "2")
        same = await schemas.compare_with_champion(session, "m", "champion")
    assert (champion.schema.major, champion.majors) == (1, (1, 2))
    assert champion.signature
    assert champion.signature.inputs[0].maximum == 2.0
    assert (second.schema.major, second.signature) == (2, None)
    assert (other.major, other.current_major, other.is_compatible) == (2, 1, False)
    assert [change.breaks for change in other.changes] == [True]
    assert (same.is_compatible, same.changes) == (True, ())
