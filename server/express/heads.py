"""What a request's header block says, checked (RFC 9113 section 8, gRPC over HTTP/2).

A caller repeats most of its headers on every call, and changes a timeout or an id of a
trace. So what is repeated is read once, as a `Shape`, and a head is a shape and the rest.
"""

import re
from typing import Final

from server.express.frames import PROTOCOL_ERROR, StreamFault
from server.express.hpack import Field
from server.express.metadata import Metadata, MetadataInvalid, read_metadata, read_timeout
from server.express.routes import Route

ENCODINGS: Final = frozenset({"identity", "gzip", "deflate"})
HTTP_OK: Final = 200

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(rb"[^\x00\r\n]*")
_GRPC: Final = b"application/grpc"
# The name by itself, a variant such as +proto, or parameters.
_AFTER_GRPC: Final = (b"", b"+", b";")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_TIMEOUT: Final = b"grpc-timeout"
# What belongs to gRPC or HTTP, and is no metadata.
_OWN: Final = frozenset(
    {
        b"te",
        b"content-type",
        b"content-length",
        b"host",
        b"grpc-encoding",
        b"grpc-accept-encoding",
    }
)
_REPEATED: Final = _PSEUDO | _OWN | {b"user-agent"}


class Shape:
    """What the calls of one method by one client have in common.

    Args:
        fields: Those of its header block that are repeated, in order.

    Attributes:
        path: `/package.Service/Method`.
        encoding: How packed messages of the request are packed.
        accepts: Encodings that the caller can read, as the header has them.
        http_status: Not 200 if the request is HTTP, but no gRPC.
        route: What answers the method, if that is known without asking for each call.
        is_quick: Whether a call may be answered as soon as its message has come.
        pseudo: The fields that must come before all others.
        metadata: What of it handlers see.

    Raises:
        StreamFault: The fields are malformed.
    """

    def __init__(self, fields: list[Field]) -> None:
        values = _check_repeated(fields)
        self.path = values[b":path"].decode("latin-1")
        self.encoding = values.get(b"grpc-encoding", b"identity").decode("latin-1")
        self.accepts = values.get(b"grpc-accept-encoding", b"").decode("latin-1")
        self.http_status = _judge(values)
        self.pseudo = [field for field in fields if field[0] in _PSEUDO]
        others = [f for f in fields if f[0] not in _PSEUDO and f[0] not in _OWN]
        try:
            self.metadata = read_metadata(others)
        except MetadataInvalid as error:
            raise StreamFault(PROTOCOL_ERROR, "header-value") from error
        self.route: Route | None = None
        self.is_quick = False

    def set_route(self, route: Route | None) -> None:
        """Say what answers the method."""
        self.route = route
        takes_at_once = route is not None and route.inline is not None
        is_plain = self.http_status == HTTP_OK and self.encoding in ENCODINGS
        self.is_quick = takes_at_once and is_plain


class RequestHead:
    """What a call's header block says. Equal blocks share one: nothing here may change.

    Args:
        shape: What is repeated.
        rest: The other fields, in order.

    Attributes:
        shape: What is repeated.
        timeout: The caller's, in seconds, or None.
        metadata: What handlers see.
        fault: Why the call must be refused, or nothing.
        is_quick: Whether it may be answered as soon as its message has come.

    Raises:
        StreamFault: The fields are malformed.
    """

    __slots__ = ("fault", "is_quick", "metadata", "shape", "timeout")

    def __init__(self, shape: Shape, rest: list[Field]) -> None:
        self.shape = shape
        self.timeout: float | None = None
        self.metadata: Metadata = shape.metadata
        self.fault = ""
        try:
            if rest:
                self._take(rest)
        except MetadataInvalid as error:
            self.fault = str(error)
        self.is_quick = shape.is_quick and not self.fault and self.timeout != 0

    def _take(self, rest: list[Field]) -> None:
        custom = []
        for field in rest:
            name, value = field
            if name == _TIMEOUT:
                self.timeout = read_timeout(value)
                continue
            if name in _CONNECTION or not _NAME.fullmatch(name):
                raise StreamFault(PROTOCOL_ERROR, "header-name")
            if not _VALUE.fullmatch(value):
                raise StreamFault(PROTOCOL_ERROR, "header-value")
            custom.append(field)
        self.metadata += read_metadata(custom)


def split_fields(fields: list[Field]) -> tuple[tuple[Field, ...], list[Field]]:
    """Part the fields that a caller repeats from the rest."""
    repeated = tuple([field for field in fields if field[0] in _REPEATED])
    if len(repeated) == len(fields):
        return repeated, []
    return repeated, [field for field in fields if field[0] not in _REPEATED]


def check_order(fields: list[Field], shape: Shape) -> None:
    """Check that pseudo-headers come first.

    Raises:
        StreamFault: They don't.
    """
    if fields[: len(shape.pseudo)] != shape.pseudo:
        raise StreamFault(PROTOCOL_ERROR, "pseudo-header")


def _check_repeated(fields: list[Field]) -> dict[bytes, bytes]:
    """Check what HTTP/2 asks of a request's own fields; return the last value of each.

    Raises:
        StreamFault: They are malformed.
    """
    values: dict[bytes, bytes] = {}
    for name, value in fields:
        if (name in _PSEUDO and name in values) or not _VALUE.fullmatch(value):
            raise StreamFault(PROTOCOL_ERROR, "pseudo-header")
        values[name] = value
    if not (values.get(b":path") and b":method" in values and b":scheme" in values):
        raise StreamFault(PROTOCOL_ERROR, "pseudo-header")
    if values.get(b"te", b"trailers") != b"trailers":
        raise StreamFault(PROTOCOL_ERROR, "te")
    return values


def check_trailers(fields: list[Field] | None) -> None:
    """Check the trailers of a request, which nobody reads.

    Raises:
        StreamFault: They are malformed.
    """
    if fields is None or any(name[:1] == b":" for name, _ in fields):
        raise StreamFault(PROTOCOL_ERROR, "trailers")


def _judge(values: dict[bytes, bytes]) -> int:
    """Tell the HTTP status: 200 if it is a gRPC request."""
    if values[b":method"] != b"POST":
        return 405
    kind = values.get(b"content-type", b"").lower()
    is_grpc = kind.startswith(_GRPC) and kind[len(_GRPC) : len(_GRPC) + 1] in _AFTER_GRPC
    return HTTP_OK if is_grpc else 415
