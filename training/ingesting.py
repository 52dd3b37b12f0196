"""What reading a table is asked and what it answers: the files between a server and its child.

The server writes `request.json` into a folder, starts `python -m training.ingest FOLDER`, and
finds `outcome.json` there, beside the typed copy of the table. This file imports no table
library, so a server may import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from registry.reports import Fault
from training.columns import ColumnType, Table, TableFormat
from training.csv_options import CsvOptions

COPY_FILE = "table.parquet"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a table.

    Attributes:
        csv: How its text is written, for CSV.
        column_types: What columns hold, where that shall not be told from their values.
    """

    csv: CsvOptions = field(default_factory=CsvOptions)
    column_types: Mapping[str, ColumnType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One table to read.

    Attributes:
        table_path: The table's file; the server's own path, never a caller's.
        table_format: Its form; None is told from its first bytes.
        options: How to read it.
    """

    table_path: str
    table_format: TableFormat | None = None
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What reading found: a fault, or the table and the form of its file."""

    fault: Fault | None = None
    table: Table | None = None
    table_format: TableFormat | None = None
