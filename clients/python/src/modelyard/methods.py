"""Methods that know their name, which those of gRPC keep to themselves."""

from dataclasses import dataclass
from typing import Any, cast

import grpc


@dataclass(frozen=True, slots=True)
class NamedMethod:
    """A method of a stub.

    Attributes:
        path: `/package.Service/Method`.
        call: Does it.
    """

    path: str
    call: Any

    def __call__(self, *request: Any, **settings: Any) -> Any:
        """Make the call."""
        return self.call(*request, **settings)


def path_of(method: Any) -> str:
    """Return the path of a method that came from a `NamingChannel`."""
    return cast("NamedMethod", method).path


class NamingChannel:
    """A channel whose methods know their name, as far as generated stubs need it.

    Args:
        channel: What the calls go through.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def __getattr__(self, kind: str) -> Any:
        """Return what makes methods of a kind, such as `unary_unary`."""
        make = getattr(self._channel, kind)

        def make_named(path: str, *codec: Any, **more: Any) -> NamedMethod:
            return NamedMethod(path, make(path, *codec, **more))

        return make_named
