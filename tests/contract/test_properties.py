"""What holds of our transport for any input."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hpack import Decoder as ReferenceDecoder
from hpack import Encoder, HPACKError
from hypothesis import given, settings
from hypothesis import strategies as st

from server.express.hpack import Decoder, Field, HpackInvalid
from tests.contract import frames, scripts
from tests.contract.frames import request_fields
from tests.contract.scripts import script
from tests.contract.service import SERVICE
from tests.contract.violations import ECHO
from tests.contract.wire import Answer, Wire
from tests.fuzz.inputs import blocks, connections
from tests.fuzz.target import feed

LARGE = 1 << 16

TOKENS = st.binary(min_size=1, max_size=40)
FIELDS = st.lists(
    st.tuples(st.one_of(st.sampled_from([b":path", b"te", b"grpc-timeout", b"x"]), TOKENS), TOKENS),
    max_size=20,
)


def reference(decoder: ReferenceDecoder, block: bytes) -> list[Field] | None:
    """Decode as the library does; None where it refuses."""
    try:
        fields = decoder.decode(block, raw=True)
    except (HPACKError, UnicodeDecodeError):
        return None
    return [(bytes(name), bytes(value)) for name, value in fields]


def ours(decoder: Decoder, block: bytes) -> list[Field] | None:
    """Decode as we do; None where we refuse."""
    try:
        return decoder.decode(block, LARGE)
    except HpackInvalid:
        return None


@given(
    st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([0, 100, 1000, 4096])), max_size=6)
)
def test_what_an_encoder_writes_is_decoded(said: list[tuple[list[Field], bool, int]]) -> None:
    encoder, decoder = Encoder(), Decoder()
    for fields, huffman, table_bytes in said:
        encoder.header_table_size = table_bytes
        block = encoder.encode(fields, huffman=huffman)
        assert ours(decoder, block) == fields


@settings(max_examples=1000)
@given(st.lists(blocks(), min_size=1, max_size=5))
def test_any_block_is_decoded_as_the_library_does(sent: list[bytes]) -> None:
    decoder, library = Decoder(), ReferenceDecoder(max_header_list_size=LARGE)
    for block in sent:
        wanted = reference(library, block)
        assert ours(decoder, block) == wanted
        if wanted is None:
            return  # the connection ends


CALLS = [
    ("Echo", [b""]),
    ("Echo", [b"x" * 3000]),
    ("Unary", [script(scripts.abort("ABORTED", "no"))]),
    ("Generate", [script(scripts.initial(("a", "b")), scripts.reply(b"x", times=3))]),
    ("ConverseReadWrite", [script(scripts.echo()), b"1", b"", b"x" * 100]),
    ("Collect", [script(scripts.count()), b"1"]),
]


def requests() -> bytes:
    """All the calls, one after the other."""
    sent = b""
    for number, (method, messages) in enumerate(CALLS):
        stream = 2 * number + 1
        sent += frames.headers(stream, request_fields(f"/{SERVICE}/{method}"))
        body = b"".join(map(frames.message, messages))
        sent += frames.data(stream, body[: len(body) // 2])
        sent += frames.data(stream, body[len(body) // 2 :], end=True)
    return sent


def answers(wire: Wire) -> dict[int, Answer]:
    """Read every answer, in whichever order they come."""
    found = {2 * number + 1: Answer() for number in range(len(CALLS))}
    left = set(found)
    while left:
        got = wire.read()
        assert got, f"the connection ended before {left}"
        if got.stream in left and found[got.stream].take(got):
            left.remove(got.stream)
    return found


@pytest.fixture(scope="module")
def wanted(address: str) -> dict[int, Answer]:
    with Wire(address) as wire:
        wire.send(requests())
        return answers(wire)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return (data[begin:end] for begin, end in pairwise(edges))


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(min_value=0, max_value=1 << 20), max_size=200))
def test_bytes_may_come_in_any_pieces(
    address: str, wanted: dict[int, Answer], cuts: list[int]
) -> None:
    with Wire(address) as wire:
        for piece in pieces(requests(), cuts):
            wire.send(piece)
        assert answers(wire) == wanted


def test_bytes_may_come_one_by_one(address: str, wanted: dict[int, Answer]) -> None:
    with Wire(address) as wire:
        for byte in requests():
            wire.send(bytes([byte]))
        assert answers(wire) == wanted


def test_bytes_may_be_cut_anywhere(address: str) -> None:
    """Every cut of one small call, the other end of which comes a round trip later."""
    call = frames.headers(1, request_fields(ECHO)) + frames.data(
        1, frames.message(b"xyz"), end=True
    )
    greeting = frames.PREFACE + frames.settings()
    for cut in range(1, len(greeting + call)):
        sent = greeting + call
        with Wire(address, sent[:cut]) as wire, Wire(address) as other:
            assert other.call(ECHO, b"").status == "0"
            wire.send(sent[cut:])
            assert wire.answer(1).data == frames.message(b"xyz")


@settings(max_examples=300)
@given(connections())
def test_no_bytes_break_the_server(sent: list[bytes]) -> None:
    asyncio.run(feed(sent))
