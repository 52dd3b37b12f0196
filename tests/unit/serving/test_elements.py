"""Round trips of every datatype through the wire's two forms."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from registry.datatypes import NUMPY_TYPES
from serving.elements import (
    Array,
    ElementsInvalid,
    decode_texts,
    read_list,
    read_numbers,
    read_texts,
    write_elements,
)

NUMBERS = [name for name in NUMPY_TYPES if name != "BYTES"]
SHAPES = npst.array_shapes(min_dims=0, max_dims=3, max_side=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


def same(one: Array, other: Array) -> bool:
    return (
        one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()
    )


@given(st.sampled_from(NUMBERS).flatmap(lambda n: npst.arrays(NUMPY_TYPES[n], SHAPES)))
def test_numbers_survive_the_raw_form(array: Array) -> None:
    back = read_numbers(write_elements(array), array.dtype, list(array.shape), array.size)
    assert same(back, array)


@given(npst.arrays(object, SHAPES, elements=TEXTS, fill=st.nothing()))
def test_texts_survive_the_raw_form(array: Array) -> None:
    back = read_texts(write_elements(array), list(array.shape), array.size)
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


@given(
    st.sampled_from([n for n in NUMBERS if n != "FP16"]).flatmap(
        lambda n: npst.arrays(NUMPY_TYPES[n], SHAPES)
    )
)
def test_numbers_survive_the_typed_form(array: Array) -> None:
    back = read_list(array.ravel().tolist(), array.dtype, list(array.shape), array.size)
    if array.dtype.kind == "f":  # a NaN's payload may change on the way through a list
        np.testing.assert_array_equal(back, array)
    else:
        assert same(back, array)


def test_the_protocol_s_example_of_texts() -> None:
    array = np.array([["ab", "c"], ["", "é"]], object)
    data = bytes.fromhex("02000000 6162 01000000 63 00000000 02000000 c3a9")
    assert write_elements(array) == data
    assert read_texts(data, [2, 2], 4).tolist() == array.tolist()


def test_views_are_not_copied_and_not_writable() -> None:
    array = read_numbers(b"\1\0\2\0", np.dtype(np.int16), [2, 1], 2)
    assert array.tolist() == [[1], [2]]
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_a_transposed_output_is_written_row_by_row() -> None:
    array = np.arange(6, dtype=np.int8).reshape(2, 3).T
    assert write_elements(array) == bytes([0, 3, 1, 4, 2, 5])
    assert write_elements(np.array([["a", "b"], ["c", "d"]], object).T)[4::5] == b"acbd"


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\0" * 9])
def test_another_length_of_numbers(data: bytes) -> None:
    with pytest.raises(
        ElementsInvalid, match=f"has {len(data)} bytes; 2 elements of 4 bytes are 8"
    ):
        read_numbers(data, np.dtype(np.float32), [2, 1], 2)


@pytest.mark.parametrize("data", [b"\2", b"\xff"])
def test_truth_is_0_or_1(data: bytes) -> None:
    with pytest.raises(ElementsInvalid, match="neither 0 nor 1"):
        read_numbers(b"\0\1" + data + b"\1", np.dtype(np.bool_), [4], 4)


def text(data: bytes, length: int | None = None) -> bytes:
    return struct.pack("<I", len(data) if length is None else length) + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes; 2 texts take at least 8"),
        (text(b"ab"), "6 bytes; 2 texts take at least 8"),
        (text(b"abcd"), "ends inside element 1"),
        (text(b"abc") + b"\1\0\0", "ends inside element 1"),
        (text(b"abcd", 2**32 - 1), "ends inside element 0"),
        (text(b"ab", 3) + text(b"c"), "ends inside element 1"),
        (text(b"a") + text(b"bcd", 4), "ends inside element 1"),
        (text(b"a") + text(b"b") + b"c", "1 bytes after its last"),
        (text(b"a") + text(b"\xff"), "element 1 that is not UTF-8"),
        (text(b"\xed\xa0\x80") + text(b""), "element 0 that is not UTF-8"),
    ],
)
def test_texts_that_lie(data: bytes, message: str) -> None:
    with pytest.raises(ElementsInvalid, match=message):
        read_texts(data, [2], 2)


@given(st.binary(max_size=40), st.integers(1, 4))
def test_any_bytes_are_read_whole_or_refused(data: bytes, count: int) -> None:
    try:
        array = read_texts(data, [count], count)
    except ElementsInvalid:
        return
    assert write_elements(array) == data


@pytest.mark.parametrize(
    ("values", "datatype", "shown"),
    [
        ([0, 128], "INT8", "128 as element 1; the type holds -128 to 127"),
        ([-129], "INT8", "-129 as element 0"),
        ([2**31 - 1], "INT16", "element 0"),
        ([256], "UINT8", "0 to 255"),
        ([2**32 - 1], "UINT16", "0 to 65535"),
    ],
)
def test_numbers_out_of_a_narrow_type_s_range(values: list[int], datatype: str, shown: str) -> None:
    with pytest.raises(ElementsInvalid, match=shown):
        read_list(values, NUMPY_TYPES[datatype], [len(values)], len(values))


def test_lists_of_another_length() -> None:
    with pytest.raises(ElementsInvalid, match="has 3 elements; the shape asks for 2"):
        read_list([1.0, 2.0, 3.0], np.dtype(np.float32), [2], 2)
    with pytest.raises(ElementsInvalid, match="has 1 elements"):
        decode_texts([b"a"], [2], 2)
