"""Gives every call an id, which its log lines and its errors carry."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from server.interceptors.around import AroundInterceptor, Call

HEADER = "x-request-id"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdInterceptor(AroundInterceptor):
    """Takes the caller's id if it is plain, else makes one, and answers it in the headers."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Bind the id to the context of the call."""
        given = dict(call.context.invocation_metadata() or ()).get(HEADER, "")
        plain = isinstance(given, str) and _PLAIN.fullmatch(given)
        request_id = given if plain else uuid.uuid4().hex
        call.context.set_trailing_metadata(((HEADER, request_id),))
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            yield


def present_request_id() -> str:
    """Return the id of the call that is being answered, or nothing outside of calls."""
    request_id: str = structlog.contextvars.get_contextvars().get("request_id", "")
    return request_id
