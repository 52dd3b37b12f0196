"""`modelyard versions`."""

from typing import Annotated

import typer

from modelyard.commands.panels import version_panel, versions_table
from modelyard.commands.session import Session


def list_versions(
    session: Session, name: Annotated[str, typer.Argument(help="The model.")]
) -> None:
    """List the versions of a model, newest first."""
    versions = session.client.list_model_versions(name)
    nothing = f"no versions of {name} yet; `modelyard train` and `modelyard push` make them"
    session.answer(versions, versions_table(versions) if versions else nothing)


def show_version(
    session: Session,
    name: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[str, typer.Argument(help="A number or an alias.")],
) -> None:
    """Show a version: trainer, settings, signature, metrics, parity report, aliases, faults."""
    found = session.client.get_model_version(name, version)
    session.answer(found, version_panel(found))
