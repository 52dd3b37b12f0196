"""From a method's path to what answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from typing import Any, Protocol, TypeAlias, runtime_checkable

import grpc

from server.express.metadata import Metadata

# The type stubs have generic classes where the library has plain ones.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behavior = Callable[..., Any]

_MOST_FOUND = 4096


class InlineInterceptor(Protocol):
    """An interceptor that also knows calls which are answered at once, without a task."""

    def wrap_inline(self, method: str, behavior: Behavior) -> Behavior | None:
        """Wrap a plain function, or return None: the method is then called in a task.

        What it raises, and what the function itself raises, is raised once more inside of
        `intercept_service`'s handler, in a task. So most interceptors have nothing to do.
        """


@runtime_checkable
class ChangingHandler(Protocol):
    """A generic handler whose methods come and go, and that says when.

    What it gives for a path is kept until it says so; others are asked for each call.
    """

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        """Give the handler of a method; only the path may matter."""

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have a function called after each change of what `service` gives."""


@dataclass(frozen=True, slots=True)
class CallDetails(grpc.HandlerCallDetails):
    """What interceptors and generic handlers are told of a call."""

    method: str
    invocation_metadata: Metadata


@dataclass(slots=True)
class Route:
    """What answers one method.

    Attributes:
        handler: Whatever the method is, in a form that is called in a task.
        inline: Answers at once; None if the method is always called in a task.
        deserialize: From bytes to a request.
        serialize: From an answer to bytes.
        answer_class: The class of answers that need not be awaited, once one was seen.
    """

    handler: Handler
    inline: Behavior | None
    deserialize: Callable[[bytes], Any]
    serialize: Callable[[Any], bytes]
    answer_class: type | None = field(default=None)


class Routes:
    """Every method that the server answers.

    Args:
        interceptors: Outermost first.
    """

    def __init__(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        self._interceptors = interceptors
        self._registered: dict[str, Route] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._changing: list[ChangingHandler] = []
        # By path, the last handler that a generic handler gave, and its route.
        self._found: dict[str, tuple[Handler, Route]] = {}

    def add_registered(self, service: str, handlers: dict[str, Handler]) -> None:
        """Take handlers by the names of their methods."""
        for name, handler in handlers.items():
            path = f"/{service}/{name}"
            self._registered[path] = self._make_route(path, handler)

    def add_generic(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Take handlers that are asked for each call that nothing registered answers."""
        for handler in handlers:
            self._generic.append(handler)
            if isinstance(handler, ChangingHandler):
                self._changing.append(handler)

    def find_kept(self, path: str) -> Route | None:
        """Find what answers a method until a handler says that its methods have changed."""
        if route := self._registered.get(path):
            return route
        for changing in self._changing:
            if handler := changing.service(CallDetails(path, ())):
                return self._keep(path, handler)
        return None

    def forget_found(self) -> None:
        """Forget what was found by asking, so that what is withdrawn can be freed."""
        self._found.clear()

    def find(self, details: CallDetails) -> Route | None:
        """Find what answers a call."""
        path = details.method
        if route := self._registered.get(path):
            return route
        for generic in self._generic:
            if handler := generic.service(details):
                return self._keep(path, handler)
        self._found.pop(path, None)
        return None

    async def intercept(self, route: Route, details: CallDetails) -> Handler | None:
        """Have the interceptors wrap a route's handler, as grpc.aio does for each call."""

        async def answer(_: grpc.HandlerCallDetails) -> Handler:
            return route.handler

        step: Callable[[grpc.HandlerCallDetails], Awaitable[Any]] = answer
        for interceptor in reversed(self._interceptors):
            step = _bind(interceptor, step)
        handler: Handler | None = await step(details)
        return handler

    def _keep(self, path: str, handler: Handler) -> Route:
        known = self._found.get(path)
        if not known or known[0] is not handler:
            if len(self._found) >= _MOST_FOUND:  # a handler may answer any path
                self._found.clear()
            known = self._found[path] = handler, self._make_route(path, handler)
        return known[1]

    def _make_route(self, path: str, handler: Handler) -> Route:
        behavior: Any = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )
        plain = not (_is_async(behavior))
        unary = not (handler.request_streaming or handler.response_streaming)
        if plain and not unary:
            raise TypeError(f"{path}: a handler of streams must be async")
        return Route(
            handler=_make_resumable(handler) if plain else handler,
            inline=self._wrap_inline(path, behavior) if plain else None,
            deserialize=handler.request_deserializer or bytes,
            serialize=handler.response_serializer or bytes,
        )

    def _wrap_inline(self, path: str, behavior: Behavior) -> Behavior | None:
        wrapped: Behavior | None = behavior
        for interceptor in reversed(self._interceptors):
            wrap = getattr(interceptor, "wrap_inline", None)
            wrapped = wrap(path, wrapped) if wrap and wrapped else None
        return wrapped


def _is_async(behavior: Any) -> bool:
    # An object with an async __call__ is as good as a function.
    candidates = (behavior, getattr(behavior, "__call__", None))  # noqa: B004 - its kind matters
    return any(iscoroutinefunction(c) or isasyncgenfunction(c) for c in candidates)


def _bind(interceptor: Any, step: Any) -> Any:
    async def intercept(details: grpc.HandlerCallDetails) -> Any:
        return await interceptor.intercept_service(step, details)

    return intercept


def _make_resumable(handler: Handler) -> Handler:
    """Make a plain function's handler one that goes on from what the function did inline."""
    behavior: Any = handler.unary_unary

    async def resume(request: Any, context: Any) -> Any:
        answer = context.take_outcome(lambda: behavior(request, context))
        return await answer if isawaitable(answer) else answer

    return grpc.unary_unary_rpc_method_handler(
        resume,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
