"""`modelyard models`."""

from typing import Annotated

import typer

from modelyard.commands.panels import model_panel, models_table, versions_table
from modelyard.commands.session import Session


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
