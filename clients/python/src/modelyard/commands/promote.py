"""`modelyard promote`."""

import sys
from typing import Annotated

import grpc
import typer
from rich.console import RenderableType

from modelyard.commands.promotion_panels import promotion_parts
from modelyard.commands.session import Session
from modelyard.error import ModelyardError
from modelyard.names import last_id
from modelyard.registry.v1.registry_pb2 import ValidateSchemaChangeResponse
from modelyard.registry.v1.resources_pb2 import ModelAlias

_CHAMPION = "champion"


def promote(
    session: Session,
    model: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[str, typer.Argument(help="A number, or an alias that points to it.")],
    alias: Annotated[str, typer.Option(help="The alias to move; made if needed.")] = _CHAMPION,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, whatever the version breaks.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what callers would notice; move nothing.")
    ] = False,
) -> None:
    """Move an alias to a version, unless somebody else moves it meanwhile.

    Before the champion moves, what callers of its typed service would notice is told. If the
    version does not fit them you are asked first: they stay with the present champion, but
    callers of ModelInfer do not. Where nobody can be asked, as in a script, such a move is
    refused with exit code 1 unless --yes is given. Other moves need no answer.
    """
    client = session.client
    # Before all else: the move must be of the alias that was compared, not of a later one.
    seen = _find_alias(session, model, alias)
    planned = client.promote(model, version, alias, seen=seen, validate_only=True)
    number = last_id(planned.model_version)
    change = client.validate_schema_change(model, number) if alias == _CHAMPION else None
    if dry_run:
        data = {"model_alias": planned, "schema_change": change}
        session.answer(data, *_effect(change, alias, number))
        return
    session.notes.print(*_effect(change, alias, number), sep="\n")
    if change and not change.compatible and not yes:
        _ask(session, f"Move {alias} to version {number}?")
    moved = client.promote(model, number, alias, seen=seen)
    session.answer(moved, f"{model}: {alias} is now version {last_id(moved.model_version)}")


def _find_alias(session: Session, model: str, alias: str) -> ModelAlias | None:
    try:
        return session.client.get_model_alias(model, alias)
    except ModelyardError as error:
        if error.code is not grpc.StatusCode.NOT_FOUND:
            raise
        return None


def _effect(
    change: ValidateSchemaChangeResponse | None, alias: str, number: str
) -> list[RenderableType]:
    if change is None:
        return [f"typed services follow {_CHAMPION}: their callers notice nothing of {alias}"]
    return promotion_parts(change, number)


def _ask(session: Session, question: str) -> None:
    """Go on if somebody agrees.

    Raises:
        typer.Exit: Nobody is there, or somebody does not agree.
    """
    # There is none at all if the shell closed it.
    if not (sys.stdin and sys.stdin.isatty()):
        session.fail(
            "nothing was moved: the version does not fit the champion's callers, and there is no"
            " terminal to ask on",
            "--yes moves it all the same, --dry-run only tells",
        )
    if not typer.confirm(question, err=True):
        session.fail("nothing was moved")
