"""The interceptors around handlers of every kind, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import structlog
from grpc import aio

from registry.errors import ModelNotFound
from server.interceptors.around import AroundInterceptor
from server.listener import make_interceptors
from server.settings import Settings

SERVICE = "test.Service"
CODE = grpc.StatusCode


class Handlers:
    """Handlers that do what the request says."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    async def unary(self, request: bytes, context: Any) -> bytes:
        return await self._act(request, context)

    async def stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"first"
        yield await self._act(request, context)

    async def collect(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return await self._act(b"".join([request async for request in requests]), context)

    async def echo(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield await self._act(request, context)

    async def _act(self, request: bytes, context: Any) -> bytes:
        if request == b"domain":
            raise ModelNotFound("there is no model 'x'")
        if request == b"bug":
            raise KeyError("secret")
        if request == b"abort":
            await context.abort(CODE.OUT_OF_RANGE, "by hand")
        if request == b"hang":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        return request


@asynccontextmanager
async def running(handlers: Handlers, interceptors: list[AroundInterceptor]) -> AsyncIterator[Any]:
    made: dict[str, Any] = {
        "Unary": grpc.unary_unary_rpc_method_handler(handlers.unary),
        "Stream": grpc.unary_stream_rpc_method_handler(handlers.stream),
        "Collect": grpc.stream_unary_rpc_method_handler(handlers.collect),
        "Echo": grpc.stream_stream_rpc_method_handler(handlers.echo),
    }
    server = aio.server(interceptors=interceptors)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, made),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
async def channel(handlers: Handlers) -> AsyncIterator[Any]:
    settings = Settings(default_deadline_seconds=0.2)
    async with running(handlers, make_interceptors(settings)) as channel:
        yield channel


async def call(channel: Any, kind: str, request: bytes, **options: Any) -> Any:
    path = f"/{SERVICE}/{kind}"
    if kind == "Unary":
        return await channel.unary_unary(path)(request, **options)
    if kind == "Collect":
        return await channel.stream_unary(path)(iter([request]), **options)
    if kind == "Stream":
        answers = [answer async for answer in channel.unary_stream(path)(request, **options)]
        return answers[-1]
    stream = channel.stream_stream(path)(iter([request]), **options)
    return [answer async for answer in stream][-1]


KINDS = pytest.mark.parametrize("kind", ["Unary", "Stream", "Collect", "Echo"])


@KINDS
async def test_what_succeeds_is_left_alone(channel: Any, kind: str) -> None:
    assert await call(channel, kind, b"hello") == b"hello"


@KINDS
@pytest.mark.parametrize(
    ("request_", "code"),
    [(b"domain", CODE.NOT_FOUND), (b"bug", CODE.INTERNAL), (b"abort", CODE.OUT_OF_RANGE)],
)
async def test_exceptions_become_statuses(
    channel: Any, kind: str, request_: bytes, code: grpc.StatusCode
) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(channel, kind, request_)
    assert caught.value.code() == code
    assert "secret" not in str(caught.value)


async def test_a_callers_deadline_ends_the_call(channel: Any, handlers: Handlers) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(channel, "Stream", b"hang", timeout=0.2)
    assert caught.value.code() == CODE.DEADLINE_EXCEEDED
    await asyncio.wait_for(handlers.cancelled.wait(), 10)


async def test_a_unary_call_without_a_deadline_gets_ours(channel: Any, handlers: Handlers) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await call(channel, "Unary", b"hang")
    assert caught.value.code() == CODE.DEADLINE_EXCEEDED
    assert handlers.cancelled.is_set()


async def test_a_cancelled_call_ends_its_handler(channel: Any, handlers: Handlers) -> None:
    under_way: Any = channel.unary_stream(f"/{SERVICE}/Stream")(b"hang")
    await under_way.read()
    under_way.cancel()
    await asyncio.wait_for(handlers.cancelled.wait(), 10)


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("two words", False), ("x" * 65, False)]
)
async def test_a_plain_request_id_is_kept(
    channel: Any,
    given: str,
    kept: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    under_way: Any = channel.unary_unary(f"/{SERVICE}/Unary")(
        b"x", metadata=(("x-request-id", given),)
    )
    await under_way
    answered = dict(await under_way.trailing_metadata())
    assert answered.get("x-request-id") == (given if kept else None)


async def test_a_fault_of_ours_is_logged_under_its_request_id(channel: Any) -> None:
    with (
        structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines,
        pytest.raises(aio.AioRpcError) as caught,
    ):
        await call(channel, "Unary", b"bug")
    request_id = dict(caught.value.trailing_metadata() or ())["x-request-id"]
    faults = [line for line in lines if line["log_level"] == "error"]
    assert [line["request_id"] for line in faults] == [request_id]


async def test_calls_are_logged_with_their_status(channel: Any) -> None:
    with structlog.testing.capture_logs() as lines:
        await call(channel, "Unary", b"fine")
        with pytest.raises(aio.AioRpcError):
            await call(channel, "Unary", b"domain")
        async with asyncio.timeout(10):
            # The server logs when the answer is on its way already; the capture has no event.
            while len(lines) < 2:  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0)
    codes = [(line["code"], line["log_level"]) for line in lines if line["event"] == "call"]
    assert codes == [("OK", "debug"), ("NOT_FOUND", "debug")]


async def test_unknown_methods_stay_unknown(channel: Any) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await channel.unary_unary("/a.B/C")(b"")
    assert caught.value.code() == CODE.UNIMPLEMENTED
