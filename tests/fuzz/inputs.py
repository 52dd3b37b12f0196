"""Inputs for the transport: legal bytes, legal bytes with faults, and noise."""

from itertools import pairwise

from hypothesis import strategies as st

from tests.contract import frames
from tests.contract.frames import Flag, Kind, request_fields
from tests.contract.scripts import reply, script
from tests.contract.service import SERVICE

STREAMS = st.sampled_from([0, 1, 1, 1, 3, 3, 5, 2, 7, (1 << 31) - 1])
METHODS = ("Echo", "Unary", "Generate", "ConverseReadWrite", "Collect", "Nothing")
BODIES = (b"", b"x", script(reply(b"x", times=3)), b"[]", b"\xff" * 20)
HEADER_BLOCKS = tuple(
    frames.block(request_fields(f"/{SERVICE}/{method}", *more))
    for method in METHODS
    for more in [(), (("grpc-timeout", "1m"),), (("grpc-encoding", "gzip"),), (("key-bin", "AA"),)]
)


def blocks() -> st.SearchStrategy[bytes]:
    """Header blocks: legal, with a byte changed, cut short, or noise."""
    legal = st.sampled_from(HEADER_BLOCKS)
    return st.one_of(
        legal,
        st.builds(_change, legal, st.integers(0, 1000), st.integers(0, 255)),
        st.builds(lambda block, size: block[:size], legal, st.integers(0, 200)),
        st.builds(lambda block, more: block + more, legal, st.binary(max_size=20)),
        st.binary(max_size=60),
        # A field for the dynamic table, then fields from it.
        st.builds(
            lambda value, last: b"\x40\x01a" + bytes([len(value)]) + value + last,
            st.binary(max_size=60),
            st.sampled_from(
                [b"\xbe", b"\xbe\xbe", b"\xbf", b"\x7e\x01b", b"\x3f\x00\xbe", b"\x20"]
            ),
        ),
    )


def _change(data: bytes, position: int, byte: int) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[position % len(changed)] = byte
    return bytes(changed)


def one_frame() -> st.SearchStrategy[bytes]:
    """Frames: of calls, of control, and of anything."""
    flags = st.sampled_from([0, 1, 4, 5, 8, 9, 12, 13, 32, 37, 255])
    messages = st.builds(
        lambda body, packed, cut: frames.message(body, compressed=packed)[:cut],
        st.sampled_from(BODIES),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.sampled_from([1000, 1000, 1000, 3, 7]),
    )
    return st.one_of(
        st.builds(
            lambda stream, end, block: frames.frame(
                Kind.HEADERS, Flag.END_HEADERS | end, stream, block
            ),
            STREAMS,
            st.sampled_from([0, 0, 1]),
            blocks(),
        ),
        st.builds(
            lambda stream, body, end: frames.data(stream, body, end=end),
            STREAMS,
            messages,
            st.booleans(),
        ),
        st.builds(frames.window_update, STREAMS, st.integers(0, (1 << 32) - 1)),
        st.builds(frames.reset, STREAMS, st.integers(0, 20)),
        st.builds(
            frames.settings,
            st.dictionaries(st.integers(0, 8), st.integers(0, (1 << 32) - 1), max_size=3),
        ),
        st.builds(frames.goaway, STREAMS, st.integers(0, 20)),
        st.builds(
            frames.frame,
            st.integers(0, 12),
            flags,
            STREAMS,
            st.one_of(blocks(), st.binary(max_size=20)),
        ),
    )


def connections() -> st.SearchStrategy[list[bytes]]:
    """All that a peer sends on a connection, in the pieces in which it comes."""
    greeting = st.sampled_from([frames.PREFACE + frames.settings()] * 9 + [frames.PREFACE, b""])
    sent = st.builds(
        lambda begin, parts, rest: begin + b"".join(parts) + rest,
        greeting,
        st.lists(one_frame(), max_size=12),
        st.binary(max_size=10),
    )
    return st.builds(_cut, sent, st.lists(st.integers(0, 2000), max_size=6))


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(edges)]
