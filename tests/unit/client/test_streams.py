from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from modelyard.blocking import BlockingChannel, iterate


def test_both_sides_of_a_call_can_stream_without_an_event_loop() -> None:
    def shout(words: Iterator[bytes], _context: Any) -> Iterator[bytes]:
        yield from (word.upper() for word in words)

    async def words() -> AsyncIterator[bytes]:
        for word in (b"one", b"two"):
            yield word

    server = grpc.server(ThreadPoolExecutor(1))
    handler: Any = grpc.stream_stream_rpc_method_handler(shout)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"m": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = BlockingChannel(channel).stream_stream("/s/m")
        assert list(iterate(call(words()))) == [b"ONE", b"TWO"]
    server.stop(None).wait()
