"""Files that are read more than once at a time, as repeated uploads do."""

import io
from collections.abc import AsyncIterator

from grpc import aio

from modelyard.files import CHUNK_BYTES, digested
from modelyard.transport import AsyncioTransport


async def test_two_readers_of_a_file_both_get_all_of_it() -> None:
    data = b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"c"
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    content = digested(file)
    async with aio.insecure_channel("127.0.0.1:1") as channel:
        transport = AsyncioTransport(channel)
        first, second = (content.chunks(transport, None) for _ in range(2))
        got = [await anext(first), await anext(second)]
        assert got == [data[:CHUNK_BYTES]] * 2
        rest = [await collect(first), await collect(second)]
        assert rest == [data[CHUNK_BYTES:]] * 2


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])
