"""Which datasets and tables lists show, and in which order."""

from registry.list_filters import (
    FilterField,
    ListRules,
    id_key,
    number_key,
    one_of,
    read_number,
    read_time,
    time_key,
)
from training.columns import TableFormat
from training.datasets import Dataset
from training.states import DatasetState
from training.tables import DatasetRow, DatasetVersionRow

DATASETS = ListRules(
    fields={
        "display_name": FilterField(DatasetRow.display_name),
        "create_time": FilterField(DatasetRow.create_time, read_time, is_ordered=True),
    },
    orders={
        "dataset_id": (id_key(DatasetRow.dataset_id),),
        "create_time": (time_key(DatasetRow.create_time), id_key(DatasetRow.dataset_id)),
    },
    labels=DatasetRow.labels,
    example='labels.team = "sea" AND create_time > "2026-01-01T00:00:00Z"',
)

TABLES = ListRules(
    fields={
        "state": FilterField(DatasetVersionRow.state, one_of(DatasetState, "STATE_")),
        "format": FilterField(DatasetVersionRow.format, one_of(TableFormat, "TABLE_FORMAT_")),
        "row_count": FilterField(DatasetVersionRow.row_count, read_number, is_ordered=True),
        "create_time": FilterField(DatasetVersionRow.create_time, read_time, is_ordered=True),
    },
    # Tables are numbered as they come.
    orders={"create_time": (number_key(DatasetVersionRow.number),)},
    newest_first=True,
    example="state = ACTIVE AND row_count > 1000",
)


def place_of_dataset(dataset: Dataset, order: str) -> str:
    """Tell where a page ends that ends with a dataset."""
    if order == "create_time":
        return f"{dataset.create_time.isoformat()}/{dataset.dataset_id}"
    return dataset.dataset_id
