import re
from typing import Any

import numpy as np
import pytest

from modelyard.tensors import NUMPY_TYPES, Tensor, datatype_of, decode, encode


def test_the_bytes_of_text_are_those_of_the_protocol() -> None:
    array = np.array([["ab", b"c"], ["", "é"]], dtype=object)
    raw = encode(Tensor("x", "BYTES", array))
    assert raw.hex() == "02000000616201000000630000000002000000c3a9"
    assert decode(raw, "BYTES", (2, 2)).tolist() == [[b"ab", b"c"], [b"", "é".encode()]]


@pytest.mark.parametrize("datatype", NUMPY_TYPES)
def test_numbers_come_back(datatype: str) -> None:
    array = np.array([[0, 1], [1, 0], [1, 1]], dtype=NUMPY_TYPES[datatype])
    raw = encode(Tensor("x", datatype, array))
    assert len(raw) == array.nbytes
    back = decode(raw, datatype, (3, 2))
    assert back.dtype == array.dtype
    assert back.tolist() == array.tolist()
    assert datatype_of(array) == datatype


def test_numbers_are_little_endian_and_row_major() -> None:
    array = np.asfortranarray(np.array([[1, 2], [3, 4]], dtype=">i2"))
    assert encode(Tensor("x", "INT16", array)).hex() == "0100020003000400"
    assert datatype_of(array) == "INT16"


def test_bf16_is_the_upper_half_rounded_to_nearest_even() -> None:
    halves = [1.0, 1.00390625, 1.01171875, -2.5, np.inf, 3.4e38, np.nan]
    raw = encode(Tensor("x", "BF16", np.array([halves], dtype=np.float32)))
    # Source: the value table of BF16, 1.00390625 and 1.01171875 lie half-way.
    assert np.frombuffer(raw, "<u2").tolist() == [
        0x3F80, 0x3F80, 0x3F82, 0xC020, 0x7F80, 0x7F80, 0x7FC0,
    ]  # fmt: skip
    back = decode(raw, "BF16", (1, 7))
    np.testing.assert_array_equal(back[0], [1, 1, 1.015625, -2.5, np.inf, np.inf, np.nan])


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([b"a"]), np.array(["a"], object)])
def test_every_kind_of_text_is_bytes(array: Any) -> None:
    assert datatype_of(array) == "BYTES"
    assert encode(Tensor("x", "BYTES", array)) == b"\1\0\0\0a"


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(ValueError, match="an array of complex128 is no tensor"):
        datatype_of(np.array([1j]))


@pytest.mark.parametrize("raw", [b"\1\0\0", b"\2\0\0\0a", b"\0\0\0\0\1"])
def test_text_that_is_cut_off_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=re.compile("cut off")):
        decode(raw, "BYTES", (1,))


def test_bytes_that_do_not_fit_the_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        decode(b"\0" * 8, "FP32", (3,))
    with pytest.raises(ValueError, match="reshape"):
        decode(b"\0" * 8, "BYTES", (3,))
