"""Tables to messages: what is known of them, and their first rows. Pure functions."""

from datetime import UTC, datetime

from modelyard.training.v1 import datasets_pb2 as pb
from registry.timestamps import to_timestamp
from training.columns import Column, ColumnType, PreviewRows
from training.csv_options import CsvOptions
from training.datasets import DatasetVersion
from training.names import dataset_version_name


def to_dataset_version(version: DatasetVersion) -> pb.DatasetVersion:
    """Write a table."""
    form = f"TABLE_FORMAT_{version.format.name}" if version.format else "TABLE_FORMAT_UNSPECIFIED"
    table = version.table
    return pb.DatasetVersion(
        name=dataset_version_name(version.dataset_id, version.number),
        state=pb.DatasetVersion.State.Value(f"STATE_{version.state}"),
        format=pb.TableFormat.Value(form),
        sha256=version.stored.sha256,
        size_bytes=version.stored.size_bytes,
        row_count=table.row_count,
        columns=[_to_column(column) for column in table.columns],
        faults=[pb.TableFault(reason=it.reason, message=it.message) for it in version.faults],
        create_time=to_timestamp(version.create_time),
        warnings=[
            pb.TableWarning(reason=it.reason, column=it.column, message=it.message)
            for it in table.warnings
        ],
        csv_options=_to_csv_options(table.csv) if table.csv else None,
    )


def _to_column(column: Column) -> pb.Column:
    histogram = column.histogram
    return pb.Column(
        name=column.name,
        type=_to_type(column.type),
        missing_count=column.missing_count,
        distinct_count=column.distinct_count,
        minimum=column.minimum,
        maximum=column.maximum,
        mean=column.mean,
        standard_deviation=column.standard_deviation,
        top_values=[pb.ValueCount(value=it.value, count=it.count) for it in column.top_values],
        quantiles=[pb.Quantile(fraction=it.fraction, value=it.value) for it in column.quantiles],
        histogram=pb.Histogram(
            lower=histogram.lower, upper=histogram.upper, counts=histogram.counts
        )
        if histogram
        else None,
        approximate=column.approximate,
    )


def _to_type(kind: ColumnType) -> pb.ColumnType.ValueType:
    return pb.ColumnType.Value(f"COLUMN_TYPE_{kind.name}")


def _to_csv_options(options: CsvOptions) -> pb.CsvOptions:
    return pb.CsvOptions(
        delimiter=options.delimiter,
        quote=options.quote,
        escape=options.escape,
        encoding=options.encoding,
        no_header=not options.has_header,
        decimal=options.decimal,
        thousands=options.thousands,
        missing_words=options.missing_words,
    )


def to_preview(
    version: DatasetVersion, rows: PreviewRows, most: int
) -> pb.PreviewDatasetVersionResponse:
    """Write the first rows of a table, at most so many."""
    columns = version.table.columns
    return pb.PreviewDatasetVersionResponse(
        columns=[pb.Column(name=column.name, type=_to_type(column.type)) for column in columns],
        rows=[
            pb.PreviewRow(
                cells=[
                    _to_cell(column.type, text) for column, text in zip(columns, row, strict=True)
                ]
            )
            for row in rows[:most]
        ],
    )


def _to_cell(kind: ColumnType, text: str | None) -> pb.Cell:
    if text is None:
        return pb.Cell()
    if kind is ColumnType.BOOLEAN:
        return pb.Cell(boolean_value=text == "true")
    if kind is ColumnType.INTEGER:
        return pb.Cell(integer_value=int(text))
    if kind is ColumnType.FLOAT:
        return pb.Cell(float_value=float(text))
    if kind is ColumnType.TIME:
        return _to_time_cell(text)
    return pb.Cell(text_value=text)


def _to_time_cell(text: str) -> pb.Cell:
    try:
        time = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        # A year that neither Python nor a timestamp knows.
        return pb.Cell(text_value=text)
    return pb.Cell(time_value=to_timestamp(time))
