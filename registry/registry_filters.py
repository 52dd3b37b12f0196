"""Which models and versions lists show, and in which order."""

from registry.list_filters import (
    FilterField,
    ListRules,
    id_key,
    number_key,
    one_of,
    read_time,
    time_key,
)
from registry.models import Model
from registry.signature import Task
from registry.tables import ModelRow, VersionRow
from registry.version import VersionState

MODELS = ListRules(
    fields={
        "display_name": FilterField(ModelRow.display_name),
        "create_time": FilterField(ModelRow.create_time, read_time, is_ordered=True),
    },
    orders={
        "model_id": (id_key(ModelRow.model_id),),
        "create_time": (time_key(ModelRow.create_time), id_key(ModelRow.model_id)),
    },
    labels=ModelRow.labels,
    example='labels.team = "sea" AND create_time > "2026-01-01T00:00:00Z"',
)

VERSIONS = ListRules(
    fields={
        "state": FilterField(VersionRow.state, one_of(VersionState, "STATE_")),
        "task": FilterField(VersionRow.task, one_of(Task, "TASK_")),
        "create_time": FilterField(VersionRow.create_time, read_time, is_ordered=True),
    },
    # Versions are numbered as they are made.
    orders={"create_time": (number_key(VersionRow.number),)},
    labels=VersionRow.labels,
    newest_first=True,
    example='state = ACTIVE AND labels.team = "sea"',
)


def place_of_model(model: Model, order: str) -> str:
    """Tell where a page ends that ends with a model."""
    if order == "create_time":
        return f"{model.create_time.isoformat()}/{model.model_id}"
    return model.model_id
