"""The ports of the transport: free ones, paths, encrypted ones, and those that are taken."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc import aio

from server import express

METHOD = "/t.T/Echo"


async def call(channel: aio.Channel, request: bytes) -> bytes:
    """Call the method; gRPC's types know only methods with messages."""
    method: Any = channel.unary_unary(METHOD)
    answer: bytes = await method(request, timeout=20)
    return answer


@asynccontextmanager
async def serving(address: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve a method that tells what its handler sees of the connection."""

    def echo(request: bytes, context: Any) -> bytes:
        said = f"{context.peer().split(':')[0]} {sorted(context.auth_context())}"
        return request + said.encode()

    made = express.server()
    handlers: dict[str, Any] = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    made.add_registered_method_handlers("t.T", handlers)
    port = made.add_secure_port(address, tls) if tls else made.add_insecure_port(address)
    await made.start()
    yield port
    await made.stop(None)


async def test_a_free_port_is_named() -> None:
    async with serving("127.0.0.1:0") as port, aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert await call(channel, b"hi ") == b"hi ipv4 []"


async def test_a_path_will_do(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/socket"
    for _ in range(2):  # what a server of before left there is no hindrance
        async with serving(address), aio.insecure_channel(address) as channel:
            assert await call(channel, b"hi ") == b"hi unix []"


async def test_calls_can_be_encrypted() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    large = b"x" * 1_000_000
    async with serving("localhost:0", context) as port:
        async with aio.secure_channel(f"localhost:{port}", trusted) as channel:
            answer = await call(channel, large)
            assert answer.startswith(large)
            assert answer.endswith(b"['transport_security_type']")
        async with aio.insecure_channel(f"localhost:{port}") as channel:
            with pytest.raises(grpc.RpcError) as caught:
                await call(channel, b"")
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "address", ["127.0.0.1:x", "no.such.host.invalid:1", "unix:/no/such/folder/s"]
)
async def test_what_can_t_be_had_is_said(address: str) -> None:
    with pytest.raises(RuntimeError, match="can't listen"):
        express.server().add_insecure_port(address)


async def test_a_port_is_taken_once_unless_it_is_shared() -> None:
    async with serving("127.0.0.1:0") as port:
        with pytest.raises(RuntimeError, match="can't listen"):
            express.server().add_insecure_port(f"127.0.0.1:{port}")
    first = express.server(reuse_port=True)
    port = first.add_insecure_port("127.0.0.1:0")
    second = express.server(reuse_port=True)
    assert second.add_insecure_port(f"127.0.0.1:{port}") == port
    for made in (first, second):
        await made.start()
        await made.stop(None)
