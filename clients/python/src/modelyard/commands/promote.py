"""`modelyard promote`."""

from typing import Annotated

import typer

from modelyard.commands.session import Session
from modelyard.names import last_id


def promote(
    session: Session,
    model: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[str, typer.Argument(help="A number, or an alias that points to it.")],
    alias: Annotated[str, typer.Option(help="The alias to move; made if needed.")] = "champion",
) -> None:
    """Move an alias to a version, unless somebody else moves it meanwhile."""
    moved = session.client.promote(model, version, alias)
    session.answer(moved, f"{model}: {alias} is now version {last_id(moved.model_version)}")
