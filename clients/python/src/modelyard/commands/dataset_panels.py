"""How datasets and tables look on a terminal. Every function makes one thing to print."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from modelyard.commands.panels import grid, moment
from modelyard.names import last_id
from modelyard.training.v1.datasets_pb2 import (
    COLUMN_TYPE_TIME,
    Cell,
    Column,
    ColumnType,
    CsvOptions,
    Dataset,
    DatasetVersion,
    Histogram,
    PreviewDatasetVersionResponse,
)

_BARS = "▁▂▃▄▅▆▇█"
_MEDIAN = 0.5
_SHOWN_WARNINGS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def datasets_table(datasets: Sequence[Dataset]) -> Table:
    """Show datasets, one a line."""
    return grid(
        ["DATASET", "MADE", "DESCRIPTION"],
        ([last_id(it.name), moment(it.create_time), it.description] for it in datasets),
    )


def dataset_panel(table: DatasetVersion) -> Panel:
    """Show a table with the profile of its columns, or why it was refused."""
    parts: list[RenderableType] = [f"{table.row_count} rows, {table.size_bytes} bytes"]
    if table.HasField("csv_options"):
        parts.append(escape(_csv_words(table.csv_options)))
    parts += [f"[red]{escape(it.reason)}: {escape(it.message)}[/]" for it in table.faults]
    if table.columns:
        headers = ["COLUMN", "TYPE", "MISSING", "DISTINCT", "VALUES", "MEDIAN", "HISTOGRAM"]
        parts += ["", grid(headers, (_column_cells(it) for it in table.columns))]
    parts += _warning_lines(table)
    return Panel(Group(*parts), title=escape(table.name), title_align="left", expand=False)


def preview_table(preview: PreviewDatasetVersionResponse) -> Table:
    """Show the first rows of a table."""
    rows = ([_cell_words(cell) for cell in row.cells] for row in preview.rows)
    return grid([column.name for column in preview.columns], rows)


def sparkline(histogram: Histogram) -> str:
    """Draw a histogram in one line; a bin that has any values is never drawn as empty."""
    most = max(histogram.counts, default=0)
    heights = (math.ceil(count * len(_BARS) / most) if count else 0 for count in histogram.counts)
    return "".join(_BARS[height - 1] if height else " " for height in heights)


def _warning_lines(table: DatasetVersion) -> list[str]:
    lines = [f"[yellow]{it.reason}: {escape(it.message)}[/]" for it in table.warnings]
    more = len(lines) - _SHOWN_WARNINGS
    tail = [f"and {more} more warnings; --json shows them all"] if more > 0 else []
    return ["", *lines[:_SHOWN_WARNINGS], *tail] if lines else []


def _csv_words(options: CsvOptions) -> str:
    words = [options.encoding, f"delimiter {options.delimiter!r}"]
    words += [f"decimal {options.decimal!r}"] if options.decimal != "." else []
    words += [f"thousands {options.thousands!r}"] if options.thousands else []
    return ", ".join([*words, *(["no header"] if options.no_header else [])])


def _column_cells(column: Column) -> list[str]:
    values = ", ".join(f"{it.value} ({it.count})" for it in column.top_values[:3])
    if column.HasField("minimum"):
        values = f"{_number(column, column.minimum)} to {_number(column, column.maximum)}"
    medians = [it.value for it in column.quantiles if it.fraction == _MEDIAN]
    kind = ColumnType.Name(column.type).removeprefix("COLUMN_TYPE_").lower()
    about = "about " if column.approximate else ""
    return [
        column.name,
        kind,
        str(column.missing_count),
        f"{about}{column.distinct_count}",
        values,
        _number(column, medians[0]) if medians else "",
        sparkline(column.histogram),
    ]


def _number(column: Column, value: float) -> str:
    if column.type != COLUMN_TYPE_TIME:
        return f"{value:g}"
    try:
        return f"{_EPOCH + timedelta(seconds=value):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    except OverflowError:
        return f"{value:g} s"


def _cell_words(cell: Cell) -> str:
    kind = cell.WhichOneof("kind")
    if kind is None:
        return ""
    if kind == "time_value":
        return moment(cell.time_value)
    if kind == "boolean_value":
        return "true" if cell.boolean_value else "false"
    return str(getattr(cell, kind))
