"""`modelyard predict`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from modelyard.commands.csv_rows import read_csv_rows
from modelyard.commands.panels import grid
from modelyard.commands.session import Session
from modelyard.prediction import Prediction

_ROWS_SHOWN = 20


def predict(
    session: Session,
    model: Annotated[str, typer.Argument(help="The model.")],
    rows_file: Annotated[
        Path | None,
        typer.Option("--rows", help="Rows as CSV with a header line.", exists=True, dir_okay=False),
    ] = None,
    rows_json: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="ROWS", help="Rows as JSON: an object, or a list of objects."
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="A number or an alias; champion when not given.")
    ] = None,
) -> None:
    """Predict for rows given by column name.

    An empty cell of a CSV file and a null of JSON are missing values. Here --json takes
    the rows; for an answer in JSON say `modelyard --json predict ...`.
    """
    if (rows_file is None) == (rows_json is None):
        raise typer.BadParameter("give either --rows FILE or --json ROWS")
    if rows_file is None:
        rows = _parse(rows_json or "")
    else:
        inputs = session.client.get_model_metadata(model, version).inputs
        found = read_csv_rows(rows_file, inputs)
        rows = found.columns
        if found.ignored:
            session.note(f"not taken by the model: {', '.join(found.ignored)}")
    prediction = session.client.predict(model, rows, version)
    session.answer(_as_data(prediction), _table(prediction), _footer(prediction))


def _parse(text: str) -> Any:
    """Read rows from JSON."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"no JSON: {error}", param_hint="--json") from None
    listed = rows if isinstance(rows, list) else [rows]
    if not listed or not all(isinstance(row, dict) for row in listed):
        raise typer.BadParameter("--json takes an object or a list of objects")
    return rows


def _as_data(prediction: Prediction) -> dict[str, Any]:
    return {
        "model": prediction.model,
        "model_version": prediction.model_version,
        "rows": prediction.rows,
    }


def _table(prediction: Prediction) -> Table:
    """Show the first rows, a column for each output and for each class."""
    flat = [_flat(row) for row in prediction.rows[:_ROWS_SHOWN]]
    headers = ["ROW", *(flat[0] if flat else ())]
    return grid(headers, ([str(number), *row.values()] for number, row in enumerate(flat)))


def _flat(row: dict[str, Any]) -> dict[str, str]:
    """Give every class a cell of its own."""
    cells = {}
    for name, value in row.items():
        parts = value if isinstance(value, dict) else {name: value}
        cells.update({part: _words(it) for part, it in parts.items()})
    return cells


def _words(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _footer(prediction: Prediction) -> str:
    """Tell who answered, and what is not shown."""
    hidden = len(prediction) - _ROWS_SHOWN
    more = f"; {hidden} more rows, all with `modelyard --json predict`" if hidden > 0 else ""
    return f"by {prediction.model} version {prediction.model_version}{more}"
