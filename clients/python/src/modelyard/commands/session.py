"""What every command has: a client, the two consoles, and one way to fail."""

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Concatenate, NoReturn, ParamSpec, cast

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console, RenderableType

from modelyard.client import Client
from modelyard.commands.addresses import check_server
from modelyard.commands.failures import advise, explain
from modelyard.error import ModelyardError

P = ParamSpec("P")


@dataclass(frozen=True)
class Options:
    """The options before the command's name."""

    server: str
    as_json: bool


def _console(*, stderr: bool) -> Console:
    """Make a console as wide as its terminal; a file or a pipe cuts nothing."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=200)


@dataclass(frozen=True)
class Session:
    """One run of one command.

    Attributes:
        client: Speaks with the server.
        server: The server, `HOST:PORT`.
        as_json: Whether stdout gets JSON.
        out: Takes what was asked for: stdout.
        notes: Takes progress and messages: stderr.
    """

    client: Client
    server: str
    as_json: bool
    out: Console = field(default_factory=lambda: _console(stderr=False))
    notes: Console = field(default_factory=lambda: _console(stderr=True))

    def note(self, text: str, style: str | None = None) -> None:
        """Say something beside the answer."""
        self.notes.print(text, style=style, markup=False, soft_wrap=True)

    def answer(self, data: Any, *shown: RenderableType) -> None:
        """Print the answer: the data as JSON, or what shows it."""
        if self.as_json:
            typer.echo(json.dumps(as_data(data), indent=2, allow_nan=False, ensure_ascii=False))
        else:
            self.out.print(*shown, sep="\n")

    def fail(self, text: str, hint: str = "") -> NoReturn:
        """Say what is wrong and end the process with 1."""
        self.note(f"error: {text}", "red")
        if hint:
            self.note(f"hint: {hint}")
        raise typer.Exit(1)


def as_data(value: Any) -> Any:
    """Turn messages into what JSON has: names as in the contract, every field there."""
    if isinstance(value, Message):
        return MessageToDict(
            value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    if isinstance(value, dict):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_data(item) for item in value]
    # JSON knows neither NaN nor infinities.
    return None if isinstance(value, float) and value - value != 0 else value


def with_session(
    command: Callable[Concatenate[Session, P], None], *, json_flag: bool = True
) -> Callable[..., None]:
    """Give a command its session, and the options that make one.

    Args:
        command: What to run; its other parameters are its own options.
        json_flag: Whether it has the flag `--json`; it is also known before the command.
    """

    @functools.wraps(command)
    def run(*args: P.args, **own: P.kwargs) -> None:
        context, server, as_json = (own.pop(name, None) for name in _SESSION_PARAMETERS)
        options = cast("typer.Context", context).obj
        target = check_server(options.server if server is None else str(server))
        with Client(target) as client:
            session = Session(client, target, bool(as_json) or options.as_json)
            try:
                command(session, *args, **own)
            except ModelyardError as error:
                session.fail(explain(error, target), advise(error, target))
            except OSError as error:
                session.fail(str(error))

    own = list(inspect.signature(command).parameters.values())[1:]
    added = [it for name, it in _SESSION_PARAMETERS.items() if json_flag or name != "as_json"]
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # for Typer
        [it.replace(kind=inspect.Parameter.KEYWORD_ONLY) for it in [*own, *added]]
    )
    return run


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> Any:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


_SESSION_PARAMETERS = {
    "context": _parameter("context", typer.Context),
    "server": _parameter(
        "server", Annotated[str | None, typer.Option(help="The server, HOST:PORT.")], None
    ),
    "as_json": _parameter(
        "as_json",
        Annotated[bool, typer.Option("--json", help="Print JSON on stdout, all else on stderr.")],
        False,  # noqa: FBT003  the default of a flag
    ),
}
