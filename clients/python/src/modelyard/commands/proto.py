"""`modelyard proto`."""

from typing import Annotated

import typer

from modelyard.commands.session import Session


def proto(
    session: Session,
    model: Annotated[str, typer.Argument(help="The model.")],
    schema: Annotated[
        int, typer.Option(help="The number in the package's name; 0 is the champion's.", min=0)
    ] = 0,
) -> None:
    """Print the .proto file of a model's typed service, to generate stubs from."""
    found = session.client.get_model_proto(model, schema)
    if session.as_json:
        session.answer(found)
    else:
        typer.echo(found.proto, nl=False)  # as it is: it is a file
