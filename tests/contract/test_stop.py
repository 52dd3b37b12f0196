"""The end of a server, and of a connection by its client's wish."""

import asyncio
import socket

import pytest

from tests.contract import frames, scripts
from tests.contract.calls import Call
from tests.contract.cases import play
from tests.contract.clients import SyncClient
from tests.contract.frames import Kind, request_fields
from tests.contract.processes import serving
from tests.contract.scripts import script
from tests.contract.test_streams import messages, path, start
from tests.contract.violations import ECHO
from tests.contract.wire import Wire

LONG_SECONDS = 60.0


def test_a_server_that_stops_finishes_what_it_has_begun(transport: str) -> None:
    with serving(transport, LONG_SECONDS) as served, Wire(served.address) as wire:
        wire.send(start("ConverseReadWrite", scripts.reply(b"begun"), scripts.echo(), end=False))
        wire.wait_for(Kind.DATA)
        served.stop()
        assert wire.wait_for(Kind.GOAWAY).body[4:8] == bytes(4)  # NO_ERROR
        wire.send(frames.data(1, frames.message(b"late"), end=True))
        answer = wire.answer(1)
        assert messages(answer) == [b"late"]
        assert answer.status == "0"
        while wire.read():
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(served.address.rpartition(":")[2])))


@pytest.mark.parametrize("method", ["Unary", "Generate", "ConverseReadWrite"])
async def test_what_does_not_finish_in_time_is_unavailable(transport: str, method: str) -> None:
    with serving(transport, 0.1) as served:
        client = SyncClient(served.address)
        steps = [scripts.mark("begun"), scripts.block("cancelled")]
        call = asyncio.create_task(client.call(play(method, *steps)))
        assert (await client.call(Call("Observe", (b"begun",)))).code == "OK"
        served.stop()
        assert (await call).code == "UNAVAILABLE"
        client.close()


def test_a_client_that_goes_gets_its_answers(address: str) -> None:
    with Wire(address) as wire:
        wire.send(start("Converse", scripts.echo(), end=False), frames.goaway())
        wire.send(frames.ping())
        wire.wait_for(Kind.PING)
        wire.send(frames.data(1, frames.message(b"late"), end=True))
        answer = wire.answer(1)
        assert messages(answer) == [b"late"]
        assert answer.status == "0"


def test_a_client_may_close_its_side_of_the_socket_when_idle(address: str) -> None:
    with Wire(address) as wire:
        assert wire.call(ECHO, b"x").status == "0"
        wire.finish()
        while wire.read():
            pass
    with Wire(address) as wire:
        heads = frames.headers(1, request_fields(path("Unary")))
        wire.send(heads, frames.data(1, frames.message(script(scripts.reply(b"x"))), end=True))
        assert wire.answer(1).status == "0"
