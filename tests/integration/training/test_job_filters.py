"""Which jobs a list shows, and in which order."""

import pytest

from registry.errors import FieldInvalid
from registry.list_filters import read_selection
from registry.paging import Page
from registry.transactions import Sessions, begin
from tests.integration.training.jobs_at_hand import (
    add_table,
    spec,
)
from training import jobs
from training.job_filters import JOBS, place_of


@pytest.fixture
async def database(sessions: Sessions) -> Sessions:
    return await add_table(sessions)


@pytest.mark.parametrize(
    ("filter_", "order_by", "expected"),
    [
        ("", "", "cba"),
        ("", "create_time", "abc"),
        ("", "priority desc", "bca"),
        ("", "priority", "acb"),
        ("state = CANCELLED", "", "a"),
        ('state != STATE_CANCELLED AND queue = "nightly"', "", "c"),
        ("priority >= 0 AND priority < 7", "", "ca"),
        ('labels.team = "sea \\"north\\""', "", "b"),
        ("labels.team != sea", "", "cba"),
        ("model = models/m AND trainer = random-forest", "", "c"),
        ("model = models/unknown", "", ""),
        ('create_time > "2000-01-01T00:00:00Z" AND end_time > 2000-01-01T00:00:00Z', "", "a"),
    ],
)
async def test_jobs_are_found_and_ordered(
    database: Sessions, filter_: str, order_by: str, expected: str
) -> None:
    async with begin(database) as session:
        await jobs.create_job(session, "a", spec())
        await jobs.create_job(session, "b", spec(priority=7, labels={"team": 'sea "north"'}))
        await jobs.create_job(session, "c", spec(queue="nightly", trainer="random-forest"))
        await jobs.cancel_job(session, "a")
    found, after = "", None
    selection = read_selection(JOBS, filter_, order_by)
    async with begin(database) as session:
        while True:  # page by page
            page = await jobs.list_jobs(session, Page(1, after), selection)
            found += "".join(job.job_id for job in page[:1])
            if len(page) < 2:
                break
            after = place_of(page[0], selection.order)
            assert selection.place_pattern.fullmatch(after)
    assert found == expected


@pytest.mark.parametrize(
    ("filter_", "order_by", "field"),
    [
        ("state", "", "filter"),
        ("state = GONE", "", "filter"),
        ("state = FAILED OR state = QUEUED", "", "filter"),
        ("state < FAILED", "", "filter"),
        ("colour = red", "", "filter"),
        ("priority = high", "", "filter"),
        ("create_time > yesterday", "", "filter"),
        ("create_time > 2026-01-01T00:00:00", "", "filter"),
        ("model = m", "", "filter"),
        (" AND ".join(["queue = a"] * 21), "", "filter"),
        ("x" * 2001, "", "filter"),
        ("", "colour", "order_by"),
    ],
)
def test_what_is_no_filter_is_refused(filter_: str, order_by: str, field: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        read_selection(JOBS, filter_, order_by)
    assert caught.value.field == field
