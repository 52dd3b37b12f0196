"""Messages of datasets to values and back; pure functions."""

from modelyard.training.v1 import datasets_pb2 as tables_pb
from registry.errors import FieldInvalid
from registry.messages import to_timestamp
from training.columns import Column, TableFormat
from training.datasets import Dataset, DatasetDraft, DatasetVersion
from training.names import dataset_name, dataset_version_name


def dataset_draft(message: tables_pb.Dataset) -> DatasetDraft:
    """Read what a caller says of a dataset."""
    return DatasetDraft(message.display_name, message.description, dict(message.labels))


def to_dataset(dataset: Dataset) -> tables_pb.Dataset:
    """Write a dataset."""
    return tables_pb.Dataset(
        name=dataset_name(dataset.dataset_id),
        display_name=dataset.draft.display_name,
        description=dataset.draft.description,
        labels=dataset.draft.labels,
        uid=dataset.uid,
        etag=dataset.etag,
        create_time=to_timestamp(dataset.create_time),
        update_time=to_timestamp(dataset.update_time),
    )


def format_of(value: int) -> TableFormat | None:
    """Read a table's form; unspecified is None.

    Raises:
        FieldInvalid: The number means nothing.
    """
    if value == tables_pb.TABLE_FORMAT_UNSPECIFIED:
        return None
    if value not in tables_pb.TableFormat.values():
        raise FieldInvalid(f"format has no value {value}", field="header.format")
    name = tables_pb.TableFormat.Name(tables_pb.TableFormat.ValueType(value))
    return TableFormat[name.removeprefix("TABLE_FORMAT_")]


def to_dataset_version(version: DatasetVersion) -> tables_pb.DatasetVersion:
    """Write a table."""
    form = f"TABLE_FORMAT_{version.format.name}" if version.format else "TABLE_FORMAT_UNSPECIFIED"
    return tables_pb.DatasetVersion(
        name=dataset_version_name(version.dataset_id, version.number),
        state=tables_pb.DatasetVersion.State.Value(f"STATE_{version.state}"),
        format=tables_pb.TableFormat.Value(form),
        sha256=version.stored.sha256,
        size_bytes=version.stored.size_bytes,
        row_count=version.table.row_count,
        columns=[_to_column(column) for column in version.table.columns],
        faults=[
            tables_pb.TableFault(reason=fault.reason, message=fault.message)
            for fault in version.faults
        ],
        create_time=to_timestamp(version.create_time),
    )


def _to_column(column: Column) -> tables_pb.Column:
    return tables_pb.Column(
        name=column.name,
        type=tables_pb.ColumnType.Value(f"COLUMN_TYPE_{column.type.name}"),
        missing_count=column.missing_count,
        distinct_count=column.distinct_count,
        minimum=column.minimum,
        maximum=column.maximum,
        mean=column.mean,
        standard_deviation=column.standard_deviation,
        top_values=[
            tables_pb.ValueCount(value=value.value, count=value.count)
            for value in column.top_values
        ],
    )
