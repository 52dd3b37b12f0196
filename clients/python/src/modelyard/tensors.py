"""Arrays to bytes and back, as the Open Inference Protocol's binary form has them.

Row-major, little-endian, no padding; an element of BYTES is its length in four bytes,
then the bytes.
"""

import struct
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

NUMPY_TYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
# NumPy has no such type: a BF16 is the upper half of an FP32, which stands for it here.
BF16 = "BF16"
BYTES = "BYTES"

_LENGTH = struct.Struct("<I")

_DATATYPES = {dtype: datatype for datatype, dtype in NUMPY_TYPES.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """One input on its way.

    Attributes:
        name: The input's name.
        datatype: The protocol's name of the type.
        array: The elements; of BYTES objects, bytes or text.
    """

    name: str
    datatype: str
    array: Array


def datatype_of(array: Array) -> str:
    """Return the protocol's name for an array's type.

    Raises:
        ValueError: There is none, as for complex numbers.
    """
    if array.dtype.kind in "OSU":
        return BYTES
    try:
        return _DATATYPES[array.dtype.newbyteorder("<")]
    except KeyError:
        raise ValueError(f"an array of {array.dtype} is no tensor") from None


def encode(tensor: Tensor) -> bytes:
    """Write an array's elements.

    Raises:
        KeyError: The protocol has no such type.
    """
    if tensor.datatype == BYTES:
        return _encode_elements(tensor.array.ravel().tolist())
    if tensor.datatype == BF16:
        return _encode_bf16(tensor.array)
    return tensor.array.astype(NUMPY_TYPES[tensor.datatype], copy=False).tobytes()


def decode(raw: bytes, datatype: str, shape: tuple[int, ...]) -> Array:
    """Read an array; numbers are a read-only view of the bytes, BYTES are objects.

    Raises:
        ValueError: The bytes don't fit type and shape.
        KeyError: The protocol has no such type.
    """
    if datatype == BYTES:
        elements = np.empty(len(found := _decode_elements(raw)), dtype=object)
        elements[:] = found
        return elements.reshape(shape)
    if datatype == BF16:
        upper = np.frombuffer(raw, "<u2").astype("<u4")
        return (upper << 16).view("<f4").reshape(shape)
    return np.frombuffer(raw, NUMPY_TYPES[datatype]).reshape(shape)


def _encode_elements(elements: list[str | bytes]) -> bytes:
    """Write all elements of BYTES; text is UTF-8."""
    data = [it.encode() if isinstance(it, str) else it for it in elements]
    # A million elements are usual in a batch: the lengths are written without a step of Python.
    lengths = map(_LENGTH.pack, map(len, data))
    return b"".join(chain.from_iterable(zip(lengths, data, strict=True)))


def _decode_elements(raw: bytes) -> list[bytes]:
    """Read all elements of BYTES."""
    elements, position = [], 0
    while position < len(raw):
        start = position + 4
        if start > len(raw):
            raise ValueError("a length is cut off")
        position = start + int.from_bytes(raw[position:start], "little")
        if position > len(raw):
            raise ValueError("an element is cut off")
        elements.append(raw[start:position])
    return elements


def _encode_bf16(array: Array) -> bytes:
    """Write the upper halves of FP32 numbers, rounded to the nearest, ties to even."""
    bits = np.ascontiguousarray(array, "<f4").view("<u4")
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    # Rounding could turn a NaN into an infinity.
    return np.where(np.isnan(array), 0x7FC0, rounded).astype("<u2").tobytes()
