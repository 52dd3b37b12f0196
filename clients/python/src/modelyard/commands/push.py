"""`modelyard push`."""

from pathlib import Path
from typing import Annotated

import typer

from modelyard.commands.bars import bytes_bar
from modelyard.commands.panels import version_panel
from modelyard.commands.session import Session
from modelyard.registry.v1.resources_pb2 import ModelVersion


def push(
    session: Session,
    model: Annotated[str, typer.Argument(help="The model; made if needed.")],
    file: Annotated[Path, typer.Argument(help="An ONNX file.", exists=True, dir_okay=False)],
    golden: Annotated[
        Path | None,
        typer.Option(
            help="JSON: inputs with the outputs they must give.", exists=True, dir_okay=False
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="What is special about this version.")] = "",
) -> None:
    """Register an ONNX model made elsewhere as the next version of a model."""
    with bytes_bar(session, file.name) as progress:
        version = session.client.push(
            model, file, golden_rows=golden, description=description, progress=progress
        )
    session.answer(version, version_panel(version))
    if version.state == ModelVersion.STATE_FAILED:
        session.fail(f"{version.name} was refused: {version.faults[0].message}")
