"""Who the server is, and who the caller is: TLS and tokens."""

import inspect
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import grpc

Pem: TypeAlias = str | os.PathLike[str] | bytes
"""The path of a PEM file, or its content as bytes."""

Token: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A token, or what gives the token of each call; for an `AsyncClient` it may be awaited."""


@dataclass(frozen=True)
class Tls:
    """How the connection is made safe. `Tls()` trusts what the system trusts.

    Attributes:
        roots: The certificates of the authorities that are trusted instead.
        certificate: The caller's own certificate chain, for a server that asks for one.
        key: Its private key.
        server_name: The name in the server's certificate, where it is not the one that is
            dialled.
    """

    roots: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = field(default=None, repr=False)
    server_name: str = ""

    def __post_init__(self) -> None:
        """Refuse a certificate without its key."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key are given together")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            OSError: A file can't be read.
        """
        roots = _system_roots() if self.roots is None else _read(self.roots)
        return grpc.ssl_channel_credentials(roots, _read(self.key), _read(self.certificate))


def _read(pem: Pem | None) -> bytes | None:
    return pem if pem is None or isinstance(pem, bytes) else Path(pem).read_bytes()


def _system_roots() -> bytes | None:
    """Return what the system trusts; None, if it names nothing, is the list of gRPC's own."""
    found = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode() or None


class Bearer:
    """Gives every call the caller's token.

    Args:
        token: The token, or what gives it.
    """

    def __init__(self, token: Token) -> None:
        self._token = token

    async def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes with the next call.

        Raises:
            Exception: What the token's giver raised.
        """
        token = self._token() if callable(self._token) else self._token
        if inspect.isawaitable(token):
            token = await token
        return (("authorization", f"Bearer {token}"),)
