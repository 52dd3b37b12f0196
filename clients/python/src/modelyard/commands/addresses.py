"""The server's address, checked before it is dialled."""

import re

import typer

from modelyard.channel import DEFAULT_TARGET

_HOST_AND_PORT = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]):(?P<port>[0-9]{1,5})")
_HIGHEST_PORT = 65535


def check_server(server: str) -> str:
    """Return an address as it is, if it has the form HOST:PORT or is a Unix socket.

    gRPC would take nearly anything, and guess: `localhost` becomes port 443.

    Raises:
        typer.BadParameter: It has another form.
    """
    if server.startswith(("unix:", "unix-abstract:")):
        return server
    found = _HOST_AND_PORT.fullmatch(server)
    if not found or not 1 <= int(found["port"]) <= _HIGHEST_PORT:
        raise typer.BadParameter(
            f"the server must be HOST:PORT, such as {DEFAULT_TARGET}; this is '{server}'",
            param_hint="--server or MODELYARD_SERVER",
        )
    return server
