"""Bytes as they come over a stream."""

from collections.abc import AsyncIterator


async def chunks_of(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    """Cut bytes into small chunks."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
