"""Takes ports before the server starts, so that their numbers are known."""

import socket
from contextlib import suppress
from pathlib import Path


def bind(address: str, *, reuse_port: bool) -> tuple[list[socket.socket], int]:
    """Bind every socket that an address means.

    Args:
        address: HOST:PORT, port 0 for a free one; or unix:PATH.
        reuse_port: Whether other processes may bind it as well.

    Returns:
        The sockets, and the port's number; 1 for a path, as gRPC has it.

    Raises:
        RuntimeError: It can't be had.
    """
    try:
        if address.startswith("unix:"):
            return [_bind_path(address.removeprefix("unix:"))], 1
        host, _, port = address.rpartition(":")
        return _bind_host(host.strip("[]"), int(port), reuse_port=reuse_port)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"can't listen on {address}") from error


def _bind_path(path: str) -> socket.socket:
    with suppress(FileNotFoundError):
        Path(path).unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(path)
    except OSError:
        made.close()
        raise
    return made


def _bind_host(host: str, port: int, *, reuse_port: bool) -> tuple[list[socket.socket], int]:
    """Bind every address of a host, all to the number that the first one got."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, target in dict.fromkeys(infos):
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind((target[0], port, *target[2:]))
            port = made.getsockname()[1]
    except OSError:
        for made in sockets:
            made.close()
        raise
    return sockets, port
