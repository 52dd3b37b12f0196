"""What is fuzzed: a connection of our transport that is given bytes, and must keep its house."""

import asyncio
from typing import Any

from server.express import Limits, server
from server.express.connection import Connection
from tests.contract.service import SERVICE, Player
from tests.unit.express.peer import Wire

TURNS = 20


async def feed(pieces: list[bytes]) -> None:
    """Give a new connection the pieces, then end it.

    Raises:
        AssertionError: The server wrote what is no frame, or kept something of the peer.
        Exception: Whatever the transport did not handle.
    """
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    made = server(limits=Limits(message_bytes=1 << 16))
    made.add_registered_method_handlers(SERVICE, Player().handlers())
    wire = Wire()
    connection = Connection(made, is_encrypted=False)
    connection.connection_made(wire)  # type: ignore[arg-type] # as good as a transport
    for piece in pieces:
        connection.data_received(piece)
        connection.take_turn()
        connection.flush()
        await asyncio.sleep(0)  # a turn of the loop for the handlers, as between two reads
    _check_frames(wire.written)
    connection.connection_lost(None)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert not made.connections
    assert made.open_calls == 0
    assert made._held_bytes == 0
    assert not faults, faults


def _check_frames(written: bytes) -> None:
    position = 0
    while position < len(written):
        assert len(written) - position >= 9
        position += 9 + int.from_bytes(written[position : position + 3], "big")
    assert position == len(written)
