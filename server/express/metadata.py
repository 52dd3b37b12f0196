"""gRPC metadata as header fields: names, values, binary values, timeouts.

Source: "gRPC over HTTP/2", sections Requests and Responses.
"""

import base64
import binascii
import re
from typing import Final

from server.express.hpack import Field, pack_literal

Metadatum = tuple[str, str | bytes]
Metadata = tuple[Metadatum, ...]

NANOSECONDS: Final = {
    "H": 3_600_000_000_000,
    "M": 60_000_000_000,
    "S": 1_000_000_000,
    "m": 1_000_000,
    "u": 1_000,
    "n": 1,
}
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_BINARY_SUFFIX: Final = "-bin"
_KEY = re.compile(r"[0-9a-z_.-]+")
_TEXT = re.compile(r"[ -~]*")
# What gRPC itself writes; handlers must not.
_RESERVED: Final = frozenset({"content-type", "te"})
_RESERVED_PREFIX: Final = "grpc-"
_ALLOWED: Final = frozenset({"grpc-retry-pushback-ms", "grpc-status-details-bin"})
_PLAIN_MESSAGE = re.compile(rb"[^ -$&-~]")


class MetadataInvalid(Exception):
    """Metadata can't be written or read; the text says which key and why."""


def read_timeout(value: bytes) -> float:
    """Read grpc-timeout.

    Returns:
        Seconds.

    Raises:
        MetadataInvalid: It is not 1 to 8 digits and a unit.
    """
    match = _TIMEOUT.fullmatch(value)
    if not match:
        raise MetadataInvalid("grpc-timeout must be 1 to 8 digits and one of H M S m u n")
    return int(match[1]) * NANOSECONDS[match[2].decode()] / 1e9


def read_metadata(fields: list[Field]) -> Metadata:
    """Read what callers sent as metadata, as handlers see it.

    Raises:
        MetadataInvalid: A -bin value is not base64, or another one is not ASCII.
    """
    return tuple([_read_datum(name.decode("ascii"), value) for name, value in fields])


def _read_datum(name: str, value: bytes) -> Metadatum:
    try:
        if name.endswith(_BINARY_SUFFIX):
            return name, base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
        return name, value.decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise MetadataInvalid(f"the metadata {name[:80]!r} has a value that is no text") from error


def pack_metadata(metadata: Metadata) -> bytes:
    """Write metadata as header fields that touch no table.

    Raises:
        MetadataInvalid: A key or value is not what metadata may hold.
    """
    return b"".join([_pack_datum(key, value) for key, value in metadata])


def _pack_datum(key: str, value: str | bytes) -> bytes:
    reserved = key in _RESERVED or (key.startswith(_RESERVED_PREFIX) and key not in _ALLOWED)
    if reserved or not _KEY.fullmatch(key):
        raise MetadataInvalid(f"{key!r} is no metadata key that a handler may set")
    if key.endswith(_BINARY_SUFFIX):
        raw = value if isinstance(value, bytes) else value.encode()
        return pack_literal(key.encode(), base64.b64encode(raw).rstrip(b"="))
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not _TEXT.fullmatch(text):
        raise MetadataInvalid(f"the metadata {key!r} has a value that is not printable ASCII")
    return pack_literal(key.encode(), text.encode())


def quote_message(message: str) -> bytes:
    """Write grpc-message: UTF-8, percent-encoded but for printable ASCII without '%'."""
    return _PLAIN_MESSAGE.sub(lambda match: b"%%%02X" % match[0][0], message.encode())
