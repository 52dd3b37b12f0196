"""Lists of models, versions and datasets: narrowed, ordered, and page by page."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import models, versions
from registry.errors import FieldInvalid
from registry.list_filters import ListRules, read_selection
from registry.models import ModelDraft
from registry.paging import Page
from registry.registry_filters import MODELS, VERSIONS, place_of_model
from registry.tables import ModelRow
from registry.transactions import Sessions, begin
from registry.version import VersionDraft
from training import datasets
from training.dataset_filters import DATASETS, TABLES, place_of_dataset
from training.datasets import DatasetDraft

Fetch = Callable[[Page], Awaitable[list[Any]]]


async def _read_all(fetch: Fetch, place: Callable[[Any], str], pattern: re.Pattern[str]) -> Any:
    """Read a list one by one, as a caller does who asks for pages of one."""
    found: list[Any] = []
    while True:
        page = await fetch(Page(1, place(found[-1]) if found else None))
        found += page[:1]
        if len(page) < 2:
            return found
        assert pattern.fullmatch(place(found[-1]))


CASES = [
    ("", "", "abc"),
    ("", "create_time", "cab"),
    ("", "create_time desc", "bac"),
    ("labels.team = sea", "", "bc"),
    ('labels.team != "sea"', "", "a"),
    ('display_name = "The first" AND create_time > 2000-01-01T00:00:00Z', "", "c"),
    ("create_time < 2000-01-01T00:00:00+01:00", "", ""),
]


@pytest.mark.parametrize(("filter_", "order_by", "expected"), CASES)
async def test_models_are_found_and_ordered(
    sessions: Sessions, filter_: str, order_by: str, expected: str
) -> None:
    # Each in a transaction of its own: their times differ.
    for model_id, name, team in (("c", "The first", "sea"), ("a", "", ""), ("b", "", "sea")):
        async with begin(sessions) as session:
            await models.create_model(session, model_id, ModelDraft(name, "", {"team": team}))
    selection = read_selection(MODELS, filter_, order_by)

    async def fetch(page: Page) -> list[Any]:
        async with begin(sessions) as session:
            return await models.list_models(session, page, selection)

    found = await _read_all(
        fetch, lambda it: place_of_model(it, selection.order), selection.place_pattern
    )
    assert "".join(it.model_id for it in found) == expected


@pytest.mark.parametrize(("filter_", "order_by", "expected"), CASES)
async def test_datasets_are_found_and_ordered(
    sessions: Sessions, filter_: str, order_by: str, expected: str
) -> None:
    for dataset_id, name, team in (("c", "The first", "sea"), ("a", "", ""), ("b", "", "sea")):
        async with begin(sessions) as session:
            await datasets.create_dataset(
                session, dataset_id, DatasetDraft(name, "", {"team": team})
            )
    selection = read_selection(DATASETS, filter_, order_by)

    async def fetch(page: Page) -> list[Any]:
        async with begin(sessions) as session:
            return await datasets.list_datasets(session, page, selection)

    found = await _read_all(
        fetch, lambda it: place_of_dataset(it, selection.order), selection.place_pattern
    )
    assert "".join(it.dataset_id for it in found) == expected


@pytest.mark.parametrize(
    ("filter_", "order_by", "expected"),
    [
        ("", "", [2, 1]),
        ("", "create_time", [1, 2]),
        ("state = CREATING", "", [2, 1]),
        ("state = STATE_ACTIVE", "", []),
        ("task = CLASSIFICATION AND labels.n = 1", "", []),
        ("labels.n = 1", "", [1]),
    ],
)
async def test_versions_are_found_and_ordered(
    sessions: Sessions, filter_: str, order_by: str, expected: list[int]
) -> None:
    async with begin(sessions) as session:
        await models.create_model(session, "m", ModelDraft())
        for number in ("1", "2"):
            await versions.create_version(session, "m", VersionDraft(labels={"n": number}))
    selection = read_selection(VERSIONS, filter_, order_by)

    async def fetch(page: Page) -> list[Any]:
        async with begin(sessions) as session:
            return await versions.list_versions(session, "m", page, selection)

    found = await _read_all(fetch, lambda it: str(it.number), selection.place_pattern)
    assert [it.number for it in found] == expected


@pytest.mark.parametrize(
    ("rules", "filter_", "order_by", "field"),
    [
        (MODELS, "state = ACTIVE", "", "filter"),
        (MODELS, "display_name > a", "", "filter"),
        (MODELS, "", "create_time down", "order_by"),
        (MODELS, "", "display_name", "order_by"),
        (VERSIONS, "task = GUESSING", "", "filter"),
        (TABLES, "labels.team = sea", "", "filter"),
        (TABLES, "row_count > many", "", "filter"),
        (TABLES, "format = XLS", "", "filter"),
    ],
)
def test_what_a_list_has_not_is_refused(
    rules: ListRules, filter_: str, order_by: str, field: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        read_selection(rules, filter_, order_by)
    assert caught.value.field == field


async def test_a_damaged_place_is_refused() -> None:
    selection = read_selection(MODELS, "", "create_time")
    damaged = "9999-99-99T99:99:99/m"
    assert selection.place_pattern.fullmatch(damaged)
    with pytest.raises(FieldInvalid, match="page_token"):
        selection.apply(select(ModelRow), damaged)
