"""Real data with text and missing values: the Palmer penguins."""

import csv
import io
from typing import Any

from server.demo.tour import penguins_file

MISSING = {"NA", ""}
TEXT = {"island", "sex", "species"}


def penguin_rows() -> list[dict[str, Any]]:
    """Read the table as a caller has it: None where there is no value."""
    return [
        {name: _value(name, text) for name, text in row.items()}
        for row in csv.DictReader(io.StringIO(penguin_csv().decode()))
    ]


def features_of(row: dict[str, Any]) -> dict[str, Any]:
    """Take the target out of a row."""
    return {name: value for name, value in row.items() if name != "species"}


def penguin_csv() -> bytes:
    """Read the file."""
    return penguins_file().read_bytes()


def one_class_csv() -> bytes:
    """Make a table in which every penguin is of one species."""
    rows = [row for row in penguin_rows() if row["species"] == "Adelie"]
    output = io.StringIO()
    writer = csv.DictWriter(output, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue().encode()


def _value(name: str, text: str) -> Any:
    if text in MISSING:
        return None
    if name in TEXT:
        return text
    return int(text) if name == "year" else float(text)
