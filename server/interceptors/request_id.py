"""Gives every call an id, which its log lines and its errors carry."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog

from server.interceptors.around import AroundInterceptor, Behavior, Call

HEADER = "x-request-id"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdInterceptor(AroundInterceptor):
    """Takes the caller's id if it is plain, else makes one.

    The caller is told the id with every failure, and also if it brought one.
    """

    def wrap_inline(self, method: str, behavior: Behavior) -> Behavior | None:  # noqa: ARG002 - every method
        """Answer a caller's own id; nobody asks for the id of another call that succeeds."""

        def answer(request: Any, context: Any) -> Any:
            answered = behavior(request, context)
            for key, _ in context.invocation_metadata():
                if key == HEADER and (given := _find_given(context)):
                    context.set_trailing_metadata(((HEADER, given),))
            return answered

        return answer

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Bind the id to the context of the call."""
        given = _find_given(call.context)
        request_id = given or uuid.uuid4().hex
        if given:
            call.context.set_trailing_metadata(((HEADER, given),))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            yield


def _find_given(context: Any) -> str:
    """Return the caller's own id, or nothing if there is none or it is not plain."""
    for key, value in context.invocation_metadata() or ():
        if key == HEADER and isinstance(value, str) and _PLAIN.fullmatch(value):
            return value
    return ""


def present_request_id() -> str:
    """Return the id of the call that is being answered, or nothing outside of calls."""
    request_id: str = structlog.contextvars.get_contextvars().get("request_id", "")
    return request_id
