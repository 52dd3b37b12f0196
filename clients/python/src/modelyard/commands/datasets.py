"""`modelyard datasets`."""

from pathlib import Path
from typing import Annotated

import typer

from modelyard.commands.bars import bytes_bar
from modelyard.commands.panels import dataset_panel, datasets_table
from modelyard.commands.session import Session
from modelyard.training.v1.datasets_pb2 import DatasetVersion


def upload(
    session: Session,
    name: Annotated[str, typer.Argument(help="The dataset; made if needed.")],
    file: Annotated[
        Path, typer.Argument(help="A CSV or Parquet file.", exists=True, dir_okay=False)
    ],
) -> None:
    """Upload a table as the next version of a dataset; print its schema and profile."""
    with bytes_bar(session, file.name) as progress:
        table = session.client.upload_dataset(name, file, progress=progress)
    session.answer(table, dataset_panel(table))
    if table.state == DatasetVersion.STATE_FAILED:
        session.fail(f"{table.name} was refused: {table.faults[0].message}")


def list_datasets(session: Session) -> None:
    """List the datasets."""
    datasets = session.client.list_datasets()
    nothing = "no datasets yet; `modelyard datasets upload NAME FILE` makes one"
    session.answer(datasets, datasets_table(datasets) if datasets else nothing)


def show_dataset(
    session: Session,
    name: Annotated[str, typer.Argument(help="The dataset.")],
    version: Annotated[str, typer.Argument(help="A number; the latest when not given.")] = "latest",
) -> None:
    """Show a version of a dataset: schema and profile."""
    table = session.client.get_dataset_version(f"{name}/versions/{version}")
    session.answer(table, dataset_panel(table))
