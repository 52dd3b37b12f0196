import asyncio

import pytest

from registry import models
from registry.batching import Batching
from registry.errors import EtagMismatch, FieldInvalid, ModelAlreadyExists, ModelNotFound
from registry.list_filters import read_selection
from registry.models import ModelChange, ModelDraft
from registry.paging import read_page, write_token
from registry.registry_filters import MODELS
from registry.served import list_served
from registry.transactions import Sessions, begin


async def test_a_model_is_found_as_it_was_made(sessions: Sessions) -> None:
    draft = ModelDraft("Penguins", "tells species", {"team": "birds"})
    async with begin(sessions) as session:
        made = await models.create_model(session, "penguins", draft)
    async with begin(sessions) as session:
        found = await models.get_model(session, "penguins")
    assert found == made
    assert (found.display_name, found.labels) == ("Penguins", {"team": "birds"})


async def test_a_taken_id_is_refused(sessions: Sessions) -> None:
    async with begin(sessions) as session:
        await models.create_model(session, "m", ModelDraft())
    with pytest.raises(ModelAlreadyExists):
        async with begin(sessions) as session:
            await models.create_model(session, "m", ModelDraft())


async def test_ten_at_once_make_one_model(sessions: Sessions) -> None:
    async def create() -> bool:
        try:
            async with begin(sessions) as session:
                await models.create_model(session, "m", ModelDraft())
        except ModelAlreadyExists:
            return False
        return True

    assert sum(await asyncio.gather(*[create() for _ in range(10)])) == 1


async def test_validating_only_stores_nothing(sessions: Sessions) -> None:
    async with begin(sessions, validate_only=True) as session:
        await models.create_model(session, "m", ModelDraft())
    with pytest.raises(ModelNotFound):
        async with begin(sessions) as session:
            await models.get_model(session, "m")


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (ModelDraft(display_name="x" * 64), "model.display_name"),
        (ModelDraft(description="a\0b"), "model.description"),
        (ModelDraft(labels={"": "x"}), "model.labels"),
        (ModelDraft(labels={"k": "v" * 256}), "model.labels"),
        (ModelDraft(labels={str(i): "" for i in range(65)}), "model.labels"),
    ],
)
async def test_long_texts_are_refused(sessions: Sessions, draft: ModelDraft, field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        async with begin(sessions) as session:
            await models.create_model(session, "m", draft)
    assert caught.value.field == field


async def test_pages_meet_without_gap_or_overlap(sessions: Sessions) -> None:
    names = [f"m{i:02d}" for i in range(7)]
    async with begin(sessions) as session:
        for name in names:
            await models.create_model(session, name, ModelDraft())
    seen: list[str] = []
    token = ""
    while token or not seen:
        page = read_page("models", 3, token)
        async with begin(sessions) as session:
            found = await models.list_models(session, page, read_selection(MODELS, "", ""))
        seen += [model.model_id for model in found[:3]]
        token = write_token("models", seen[-1]) if len(found) > 3 else ""
    assert seen == names


async def test_only_the_named_fields_change(sessions: Sessions) -> None:
    batching = Batching(64, 2_000_000)
    async with begin(sessions) as session:
        made = await models.create_model(session, "m", ModelDraft("M", "old", {"team": "birds"}))
    new = ModelDraft("N", "new", {}, batching)
    for fields in ({"batching"}, {"description", "labels"}):
        async with begin(sessions) as session:
            changed = await models.update_model(
                session, ModelChange("m", "", new, frozenset(fields))
            )
    async with begin(sessions) as session:
        assert await models.get_model(session, "m") == changed
        assert (await list_served(session))["m"].batching == batching
    assert (changed.display_name, changed.description, changed.labels) == ("M", "new", {})
    assert changed.batching == batching
    assert changed.etag != made.etag
    assert changed.update_time > made.update_time


async def test_a_model_changed_meanwhile_stays(sessions: Sessions) -> None:
    async with begin(sessions) as session:
        seen = await models.create_model(session, "m", ModelDraft())
    change = ModelChange("m", seen.etag, ModelDraft("mine"), frozenset({"display_name"}))
    async with begin(sessions) as session:
        await models.update_model(session, change)
    with pytest.raises(EtagMismatch):
        async with begin(sessions) as session:
            await models.update_model(session, change)


@pytest.mark.parametrize(
    ("batching", "field"),
    [
        (Batching(1, 0), "model.batching.max_rows"),
        (Batching(4097, 0), "model.batching.max_rows"),
        (Batching(2, -1), "model.batching.max_delay"),
        (Batching(2, 10**9 + 1), "model.batching.max_delay"),
    ],
)
async def test_batching_has_bounds(sessions: Sessions, batching: Batching, field: str) -> None:
    draft = ModelDraft(batching=batching)
    with pytest.raises(FieldInvalid) as caught:
        async with begin(sessions) as session:
            await models.create_model(session, "m", draft)
    assert caught.value.field == field
    async with begin(sessions) as session:
        await models.create_model(session, "m", ModelDraft(batching=Batching(2, 10**9)))
    change = ModelChange("m", "", draft, frozenset({"batching"}))
    with pytest.raises(FieldInvalid):
        async with begin(sessions) as session:
            await models.update_model(session, change)
