"""Methods that come and go while connections stay, on both transports."""

# The type stubs have generic classes where the library has plain ones.
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from grpc import aio

from server import express
from server.express.routes import ChangingHandler
from server.interceptors.around import AroundInterceptor
from server.interceptors.errors import ErrorsInterceptor
from server.interceptors.request_id import RequestIdInterceptor

PATH = "/models.m.v1.M/Predict"


class Changing(grpc.GenericRpcHandler):
    """Answers one method with a word, or not."""

    def __init__(self) -> None:
        self.asked = 0
        self.handler: grpc.RpcMethodHandler[Any, Any] | None = None
        self._listeners: list[Callable[[], None]] = []

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        self.asked += 1
        return self.handler if handler_call_details.method == PATH else None

    def add_listener(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def change(self, word: bytes | None) -> None:
        """Answer with another word from now on, or with none any more."""

        def answer(_request: bytes, _context: Any) -> bytes:
            return word or b""

        self.handler = word and grpc.unary_unary_rpc_method_handler(answer)  # type: ignore[assignment] # empty is none
        for listener in self._listeners:
            listener()


def interceptors() -> list[AroundInterceptor]:
    return [RequestIdInterceptor(), ErrorsInterceptor()]


TRANSPORTS: dict[str, Callable[[], Any]] = {
    "express": lambda: express.server(interceptors=interceptors()),
    "grpcio": lambda: aio.server(interceptors=interceptors()),
}


@pytest.fixture
def changing() -> Changing:
    return Changing()


@pytest.fixture(params=TRANSPORTS)
async def server(request: pytest.FixtureRequest, changing: Changing) -> AsyncIterator[Any]:
    server = TRANSPORTS[request.param]()
    server.add_generic_rpc_handlers((changing,))
    server.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(None)


async def test_callers_follow_what_changes_on_the_same_connection(
    server: Any, changing: Changing
) -> None:
    async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: Any = channel.unary_unary(PATH)
        for word in (b"one", b"two", None, b"three"):
            changing.change(word)
            for _ in range(3):
                if word:
                    assert await call(b"") == word
                    continue
                with pytest.raises(aio.AioRpcError) as refused:
                    await call(b"")
                assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_express_asks_once_and_forgets_with_the_change(changing: Changing) -> None:
    assert isinstance(changing, ChangingHandler)
    server = express.server(interceptors=interceptors())
    server.add_generic_rpc_handlers((changing,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    changing.change(b"one")
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(PATH)
        for _ in range(5):
            assert await call(b"") == b"one"
        asked = changing.asked
        for _ in range(5):
            assert await call(b"") == b"one"
        assert changing.asked == asked
        (connection,) = server.connections
        assert connection.blocks.known
        changing.change(None)
        assert not connection.blocks.known
        assert not server.routes._found
    await server.stop(None)


async def test_what_is_remembered_of_paths_is_bounded() -> None:
    class Everything(grpc.GenericRpcHandler):
        def service(
            self,
            handler_call_details: grpc.HandlerCallDetails,  # noqa: ARG002 - every path
        ) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")

    routes = express.server().routes
    routes.add_generic((Everything(),))
    interceptor = ErrorsInterceptor()
    for number in range(10_000):
        details = express.routes.CallDetails(f"/s/{number}", ())
        route = routes.find(details)
        assert route

        async def proceed(_: Any, handler: Any = route.handler) -> Any:
            return handler

        await interceptor.intercept_service(proceed, details)
    assert len(routes._found) <= 4096
    assert len(interceptor._wrapped) <= 4096
