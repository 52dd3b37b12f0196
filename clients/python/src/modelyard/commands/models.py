"""`modelyard models`."""

from pathlib import Path
from typing import Annotated

import grpc
import typer

from modelyard.artifacts import CARD_FILE, MARKDOWN_CARD_FILE
from modelyard.commands.failures import explain
from modelyard.commands.panels import model_panel, models_table, versions_table
from modelyard.commands.session import Session
from modelyard.error import ModelyardError


def list_models(session: Session) -> None:
    """List the models."""
    models = session.client.list_models()
    nothing = (
        "no models yet; `modelyard train MODEL --dataset DATASET --target COLUMN` makes one, and "
        "`modelyard push MODEL FILE`"
    )
    session.answer(models, models_table(models) if models else nothing)


def show_model(session: Session, name: Annotated[str, typer.Argument(help="The model.")]) -> None:
    """Show a model, its aliases and its versions."""
    model = session.client.get_model(name)
    versions = session.client.list_model_versions(name)
    data = {"model": model, "model_versions": versions}
    session.answer(data, model_panel(model), versions_table(versions))


def download_card(
    session: Session,
    name: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[str, typer.Argument(help="A number or an alias.")] = "champion",
    *,
    output: Annotated[
        Path | None,
        typer.Option(help="Where to write; NAME.md is Markdown without plots.", dir_okay=False),
    ] = None,
) -> None:
    """Download a version's model card: figures, plots, inputs, and how to call it."""
    target = output or Path(f"{name}-{version}.html")
    file = MARKDOWN_CARD_FILE if target.suffix == ".md" else CARD_FILE
    try:
        found = session.client.download_artifact(name, version, file, target)
    except ModelyardError as error:
        if error.code is not grpc.StatusCode.NOT_FOUND or error.reason != "ARTIFACT_NOT_FOUND":
            raise
        hint = "versions that were trained here have a card; others only if it was pushed with them"
        session.fail(explain(error, session.server), hint)
    session.answer(found, str(target))
