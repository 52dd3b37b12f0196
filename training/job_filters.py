"""Which training jobs a list shows, and in which order."""

from typing import Any

from sqlalchemy import func, select

from registry.list_filters import (
    FilterField,
    ListRules,
    number_key,
    one_of,
    read_number,
    read_time,
)
from registry.names import model_id_of
from registry.tables import ModelRow
from training.job import Job
from training.states import JobState
from training.tables import JobRow


def _row_of_model(name: str) -> Any:
    model_id = model_id_of(name, "filter")
    return select(func.max(ModelRow.id)).where(ModelRow.model_id == model_id).scalar_subquery()


JOBS = ListRules(
    fields={
        "state": FilterField(JobRow.state, one_of(JobState, "STATE_")),
        "model": FilterField(JobRow.model_row, _row_of_model),
        "trainer": FilterField(JobRow.trainer),
        "queue": FilterField(JobRow.queue),
        "target": FilterField(JobRow.target),
        "priority": FilterField(JobRow.priority, read_number, is_ordered=True),
        "create_time": FilterField(JobRow.create_time, read_time, is_ordered=True),
        "end_time": FilterField(JobRow.end_time, read_time, is_ordered=True),
    },
    # Rows are numbered as they are made.
    orders={
        "create_time": (number_key(JobRow.id),),
        "priority": (number_key(JobRow.priority), number_key(JobRow.id)),
    },
    labels=JobRow.labels,
    newest_first=True,
    example='state = FAILED AND labels.team = "sea"',
)


def place_of(job: Job, order: str) -> str:
    """Tell where a page ends that ends with a job."""
    return job.place if order == "priority" else job.place.partition("/")[2]
