"""Spans of OpenTelemetry, one for each call, for those who ask for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from modelyard.error import ModelyardError

Metadata = tuple[tuple[str, str], ...]


class Tracing:
    """Opens a client span for each call, and tells the server which one.

    The call's repeats belong to its span. Names and attributes are those of the semantic
    conventions for RPC; see https://opentelemetry.io/docs/specs/semconv/rpc/grpc/

    Args:
        target: The server.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """

    def __init__(self, target: str) -> None:
        try:
            self._trace: Any = import_module("opentelemetry.trace")
            self._propagate: Any = import_module("opentelemetry.propagate")
        except ImportError:
            raise ImportError(
                "tracing needs OpenTelemetry, which `pip install modelyard[otel]` brings"
            ) from None
        self._tracer: Any = self._trace.get_tracer("modelyard")
        self._target = target

    @contextmanager
    def span(self, path: str) -> Iterator[Metadata]:
        """Open a span around a call, and give the metadata that the call takes along."""
        span = self._open(path.removeprefix("/"))
        carrier: dict[str, str] = {}
        # The span is not made the current one: a stream is left in another context than it
        # was entered, and what is current could not be put back.
        self._propagate.inject(carrier, self._trace.set_span_in_context(span))
        status, error_type = "OK", ""
        try:
            yield tuple(carrier.items())
        except ModelyardError as error:
            status = error_type = error.code.name
            span.set_status(self._trace.StatusCode.ERROR, error.message)
            raise
        except GeneratorExit:
            status = "CANCELLED"  # by a caller who has seen enough of a stream
            raise
        except BaseException as error:
            status, error_type = "CANCELLED", type(error).__qualname__
            span.set_status(self._trace.StatusCode.ERROR)
            raise
        finally:
            span.set_attribute("rpc.response.status_code", status)
            if error_type:
                span.set_attribute("error.type", error_type)
            span.end()

    def _open(self, method: str) -> Any:
        attributes = {
            "rpc.system.name": "grpc",
            "rpc.method": method,
            "server.address": self._target,
        }
        kind = self._trace.SpanKind.CLIENT
        return self._tracer.start_span(method, kind=kind, attributes=attributes)
