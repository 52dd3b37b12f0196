"""The command `modelyard`."""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from modelyard.channel import DEFAULT_TARGET
from modelyard.commands import (
    datasets,
    jobs,
    models,
    predict,
    promote,
    proto,
    push,
    train,
    versions,
)
from modelyard.commands.session import Options, with_session

app = typer.Typer(
    help="Train, register, promote and query tabular models on a Modelyard server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:  # noqa: FBT001  as Typer calls it
    """Print this package's version and end."""
    if value:
        typer.echo(f"modelyard {installed_version('modelyard')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    server: Annotated[
        str, typer.Option(help="The server, HOST:PORT.", envvar="MODELYARD_SERVER")
    ] = DEFAULT_TARGET,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout, all else on stderr.")
    ] = False,
    version: Annotated[  # noqa: ARG001  its callback does it all
        bool,
        typer.Option(
            "--version", help="Print the version and end.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Keep what every command needs; a command's own options go first."""
    context.obj = Options(server, as_json)


app.command("train")(with_session(train.train))
app.command("push")(with_session(push.push))
app.command("promote")(with_session(promote.promote))
app.command("proto")(with_session(proto.proto))
# Its --json takes the rows; `modelyard --json predict` asks for JSON.
app.command("predict")(with_session(predict.predict, json_flag=False))

_datasets = typer.Typer(help="Tables to train on.", no_args_is_help=True)
_datasets.command("upload")(with_session(datasets.upload))
_datasets.command("list")(with_session(datasets.list_datasets))
_datasets.command("show")(with_session(datasets.show_dataset))
_datasets.command("import")(with_session(datasets.import_table))
_datasets.command("preview")(with_session(datasets.preview_dataset))
_datasets.command("update")(with_session(datasets.update_dataset))
_datasets.command("delete")(with_session(datasets.delete_dataset))
app.add_typer(_datasets, name="datasets")

_jobs = typer.Typer(help="Training jobs.", no_args_is_help=True)
_jobs.command("list")(with_session(jobs.list_jobs))
_jobs.command("show")(with_session(jobs.show_job))
_jobs.command("watch")(with_session(jobs.watch_job))
_jobs.command("cancel")(with_session(jobs.cancel_job))
_jobs.command("delete")(with_session(jobs.delete_job))
app.add_typer(_jobs, name="jobs")

_models = typer.Typer(help="Named lines of versions.", no_args_is_help=True)
_models.command("list")(with_session(models.list_models))
_models.command("show")(with_session(models.show_model))
_models.command("card")(with_session(models.download_card))
app.add_typer(_models, name="models")

_versions = typer.Typer(help="Numbered versions of a model.", no_args_is_help=True)
_versions.command("list")(with_session(versions.list_versions))
_versions.command("show")(with_session(versions.show_version))
app.add_typer(_versions, name="versions")


def main() -> None:
    """Run the command with the process's arguments."""
    app()
