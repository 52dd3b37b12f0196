"""The form of every interceptor here: something done around a call, of whatever kind."""

# The type stubs have generic classes where the library has plain ones.
from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeAlias

import grpc
from grpc import aio

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behavior = Callable[[Any, Any], Any]
"""A handler: from a request and its context to an answer."""

_MOST_WRAPPED = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """A call as interceptors see it.

    Attributes:
        method: The full path, `/package.Service/Method`.
        unary: Whether one request has one answer.
        context: gRPC's view of the call.
    """

    method: str
    unary: bool
    context: aio.ServicerContext[Any, Any]


class AroundInterceptor(aio.ServerInterceptor):
    """Runs `around` around every handler; subclasses say what that does."""

    def __init__(self) -> None:
        # By method, the last handler and what it was wrapped into. Services come and go.
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    def around(self, call: Call) -> AbstractAsyncContextManager[None]:
        """Do something before, after, or on the failure of a call."""
        raise NotImplementedError

    def wrap_inline(self, method: str, behavior: Behavior) -> Behavior | None:  # noqa: ARG002 - for subclasses
        """Say what is done around a call that is answered at once, without a task.

        Only calls that succeed end there: one that fails, or has to await something, goes on
        inside of `around`. Here nothing is done, and `method` does not matter.

        Returns:
            The function to call, or None if the method must not be answered so.
        """
        return behavior

    async def intercept_service(
        self, continuation: Any, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap the handler of a method; methods that do not exist stay that way."""
        method = handler_call_details.method
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            if len(self._wrapped) >= _MOST_WRAPPED:
                self._wrapped.clear()
            known = self._wrapped[method] = handler, self._wrap(method, handler)
        return known[1]

    def _wrap(self, method: str, handler: Handler) -> Handler:
        unary = not (handler.request_streaming or handler.response_streaming)
        if handler.response_streaming:
            behavior = handler.stream_stream or handler.unary_stream
            wrapped: Any = self._around_stream(method, behavior)
        else:
            behavior = handler.stream_unary or handler.unary_unary
            wrapped = self._around_answer(method, behavior, unary=unary)
        return _make_handler(handler, wrapped)

    def _around_answer(self, method: str, behavior: Any, *, unary: bool) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            async with self.around(Call(method, unary, context)):
                answer = behavior(request, context)
                # A handler that needs not await anything is a plain function.
                return await answer if isawaitable(answer) else answer

        return answer

    def _around_stream(self, method: str, behavior: Any) -> Any:
        async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self.around(Call(method, False, context)):  # noqa: FBT003 - a field of Call
                async for message in behavior(request, context):
                    yield message

        return answer


def _make_handler(handler: Handler, behavior: Any) -> Handler:
    make: Any = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[bool(handler.request_streaming), bool(handler.response_streaming)]
    made: Handler = make(
        behavior,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return made
