"""The elements of one tensor: bytes and lists of the wire <-> NumPy arrays.

The layout is the Open Inference Protocol's: row-major, little-endian like every
processor that ONNX Runtime is built for, without padding. A text is its length as an
unsigned 32-bit number, then its UTF-8.
"""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_OBJECT = np.dtype(np.object_)
_BOOL = np.dtype(np.bool_)
_LENGTH = struct.Struct("<I")
_LENGTH_BYTES = _LENGTH.size
_read_length = _LENGTH.unpack_from


class ElementsInvalid(Exception):
    """The elements are not what the type and shape ask for; the text says what came."""


def read_numbers(data: bytes, dtype: np.dtype[Any], shape: list[int], count: int) -> Array:
    """View bytes as an array of numbers or truth values, without copying them.

    Args:
        data: The bytes; their length is checked.
        dtype: The type of an element.
        shape: The dimensions; their product is `count`.
        count: The number of elements.

    Raises:
        ElementsInvalid: The length is another, or a truth value is neither 0 nor 1.
    """
    if len(data) != count * dtype.itemsize:
        raise ElementsInvalid(
            f"has {len(data)} bytes; {count} elements of {dtype.itemsize} bytes are"
            f" {count * dtype.itemsize}"
        )
    if dtype is _BOOL and data.strip(b"\x00\x01"):
        raise ElementsInvalid("has a byte that is neither 0 nor 1")
    return np.ndarray(shape, dtype, data)


def read_texts(data: bytes, shape: list[int], count: int) -> Array:
    """Read texts, each behind its length, into an object array of str.

    Args:
        data: The bytes; no more of them is copied than there are.
        shape: The dimensions; their product is `count`.
        count: The number of texts.

    Raises:
        ElementsInvalid: A length reaches beyond the end, bytes are left over, or a
            text is not UTF-8.
    """
    end = len(data)
    if end < count * _LENGTH_BYTES:
        raise ElementsInvalid(
            f"has {end} bytes; {count} texts take at least {count * _LENGTH_BYTES}"
        )
    if count == 1 and _read_length(data)[0] == end - _LENGTH_BYTES:
        return decode_texts([data[_LENGTH_BYTES:]], shape, 1)
    pieces = []
    start = 0
    for index in range(count):
        start += _LENGTH_BYTES
        stop = start + _read_length(data, start - _LENGTH_BYTES)[0] if start <= end else start
        if stop > end:
            raise ElementsInvalid(f"ends inside element {index}")
        pieces.append(data[start:stop])
        start = stop
    if start != end:
        raise ElementsInvalid(f"has {end - start} bytes after its last element")
    return decode_texts(pieces, shape, count)


def decode_texts(pieces: Sequence[bytes], shape: list[int], count: int) -> Array:
    """Turn UTF-8 into an object array of str.

    Args:
        pieces: The texts in row-major order; their number is checked.
        shape: The dimensions; their product is `count`.
        count: The number of texts.

    Raises:
        ElementsInvalid: There is another number of texts, or one is not UTF-8.
    """
    _check_length(pieces, count)
    array: Array = np.ndarray(shape, _OBJECT)
    try:
        if len(pieces) == 1:
            array.fill(pieces[0].decode())
        else:
            array.reshape(-1)[:] = [piece.decode() for piece in pieces]
    except UnicodeDecodeError as error:
        index = next(i for i, piece in enumerate(pieces) if piece == error.object)
        raise ElementsInvalid(f"has an element {index} that is not UTF-8") from error
    return array


def read_list(values: Sequence[Any], dtype: np.dtype[Any], shape: list[int], count: int) -> Array:
    """Turn a list of numbers or truth values into an array.

    Args:
        values: The elements in row-major order; their number is checked.
        dtype: The type of an element; may be narrower than the list's.
        shape: The dimensions; their product is `count`.
        count: The number of elements.

    Raises:
        ElementsInvalid: There is another number of elements, or one does not fit the type.
    """
    _check_length(values, count)
    if dtype.kind not in "iu" or dtype.itemsize >= _LENGTH_BYTES:
        return np.array(values, dtype).reshape(shape)
    wide = np.array(values, np.int64)
    limits = np.iinfo(dtype)
    outside = np.flatnonzero((wide < limits.min) | (wide > limits.max))
    if outside.size:
        raise ElementsInvalid(
            f"has {wide[outside[0]]} as element {outside[0]}; the type holds"
            f" {limits.min} to {limits.max}"
        )
    return wide.astype(dtype).reshape(shape)


def _check_length(values: Sequence[Any], count: int) -> None:
    if len(values) != count:
        raise ElementsInvalid(f"has {len(values)} elements; the shape asks for {count}")


def write_elements(array: Array) -> bytes:
    """Write an array as the wire has it; text is an object array of str."""
    if array.dtype is not _OBJECT:
        return array.tobytes()
    parts: list[bytes] = []
    for text in array.ravel().tolist():
        data = text.encode()
        parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)
