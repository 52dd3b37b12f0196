"""What callers say of datasets and tables, to values; and datasets back. Pure functions."""

from collections.abc import Mapping
from typing import TypeAlias

from modelyard.training.v1 import datasets_pb2 as pb
from registry.errors import FieldInvalid
from registry.messages import check_mask
from registry.timestamps import to_timestamp
from training.columns import ColumnType, TableFormat
from training.csv_options import CsvOptions, check_csv_options
from training.dataset_changes import DatasetChange
from training.datasets import Dataset, DatasetDraft
from training.ingesting import ReadOptions
from training.names import dataset_id_of, dataset_name
from training.table_uploads import Upload

_SETTABLE = frozenset({"display_name", "description", "labels"})
_MOST_TYPES = 10_000
_DEFAULTS = CsvOptions()


TableRequest: TypeAlias = pb.UploadDatasetRequest.Header | pb.ImportDatasetRequest
"""What is said of a table that is sent, or fetched."""


def dataset_draft(message: pb.Dataset) -> DatasetDraft:
    """Read what a caller says of a dataset."""
    return DatasetDraft(message.display_name, message.description, dict(message.labels))


def dataset_change(request: pb.UpdateDatasetRequest) -> DatasetChange:
    """Read what shall become of a dataset.

    Raises:
        FieldInvalid: Something has no legal form, or the mask names something else.
    """
    wanted, paths = request.dataset, list(request.update_mask.paths)
    check_mask(paths, _SETTABLE)
    present = [field.name for field, _ in wanted.ListFields()]
    fields = _SETTABLE if "*" in paths else _SETTABLE.intersection(paths or present)
    dataset_id = dataset_id_of(wanted.name, "dataset.name")
    return DatasetChange(dataset_id, wanted.etag, dataset_draft(wanted), fields)


def to_dataset(dataset: Dataset) -> pb.Dataset:
    """Write a dataset."""
    return pb.Dataset(
        name=dataset_name(dataset.dataset_id),
        display_name=dataset.draft.display_name,
        description=dataset.draft.description,
        labels=dataset.draft.labels,
        uid=dataset.uid,
        etag=dataset.etag,
        create_time=to_timestamp(dataset.create_time),
        update_time=to_timestamp(dataset.update_time),
    )


def upload_of(request: TableRequest, path: str) -> Upload:
    """Read what is said of a table that comes.

    Args:
        request: It.
        path: Where in the request its fields are, such as `header.`, for errors.

    Raises:
        FieldInvalid: Something has no legal form.
    """
    return Upload(
        dataset_id=dataset_id_of(request.parent, f"{path}parent"),
        table_format=_format_of(request.format, f"{path}format"),
        sha256=request.sha256,
        options=ReadOptions(
            csv=_csv_options(request.csv_options, f"{path}csv_options"),
            column_types=_column_types(request.column_types, f"{path}column_types"),
        ),
    )


def _format_of(value: int, field: str) -> TableFormat | None:
    """Read a table's form; unspecified is None."""
    if value == pb.TABLE_FORMAT_UNSPECIFIED:
        return None
    if value not in pb.TableFormat.values():
        raise FieldInvalid(f"format has no value {value}", field=field)
    name = pb.TableFormat.Name(pb.TableFormat.ValueType(value))
    return TableFormat[name.removeprefix("TABLE_FORMAT_")]


def _csv_options(message: pb.CsvOptions, field: str) -> CsvOptions:
    """Read how a text is written; what is empty is told from it, or has its default."""
    options = CsvOptions(
        delimiter=message.delimiter,
        quote=message.quote or _DEFAULTS.quote,
        escape=message.escape,
        encoding=message.encoding.lower(),
        has_header=not message.no_header,
        decimal=message.decimal or _DEFAULTS.decimal,
        thousands=message.thousands,
        missing_words=tuple(message.missing_words) or _DEFAULTS.missing_words,
    )
    check_csv_options(options, field)
    return options


def _column_types(types: Mapping[str, int], field: str) -> dict[str, ColumnType]:
    if len(types) > _MOST_TYPES:
        raise FieldInvalid(f"column_types names more than {_MOST_TYPES} columns", field=field)
    return {name: _column_type(name, value, field) for name, value in types.items()}


def _column_type(name: str, value: int, field: str) -> ColumnType:
    if value == pb.COLUMN_TYPE_UNSPECIFIED or value not in pb.ColumnType.values():
        raise FieldInvalid(f"the type of the column {name[:80]!r} is none there is", field=field)
    word = pb.ColumnType.Name(pb.ColumnType.ValueType(value))
    return ColumnType[word.removeprefix("COLUMN_TYPE_")]
