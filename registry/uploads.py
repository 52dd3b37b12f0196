"""The form of every upload stream: first a header, then the bytes in order."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from registry.errors import StreamInvalid


class _Piece(Protocol):
    @property
    def chunk(self) -> bytes: ...
    @property
    def header(self) -> Any: ...


async def split_upload(pieces: AsyncIterator[_Piece]) -> tuple[Any, AsyncIterator[bytes]]:
    """Take an upload apart into its header and its bytes.

    Raises:
        StreamInvalid: The first message is no header, or a later one is.
    """
    async for piece in pieces:
        if _kind(piece) == "header":
            return piece.header, _chunks(pieces)
        break
    raise StreamInvalid("the first message of an upload must hold its header", field="header")


async def _chunks(pieces: AsyncIterator[_Piece]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if _kind(piece) != "chunk":
            raise StreamInvalid("after the header every message must hold a chunk", field="chunk")
        yield piece.chunk


def _kind(piece: Any) -> str | None:
    kind: str | None = piece.WhichOneof("piece")
    return kind
