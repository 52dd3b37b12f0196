"""Turns exceptions into statuses with details; lets no text out that is not meant to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from grpc import aio

from server.interceptors.around import AroundInterceptor, Call
from server.interceptors.request_id import HEADER, present_request_id
from server.status import outcome_of

log = structlog.get_logger()


class ErrorsInterceptor(AroundInterceptor):
    """Answers what a handler raises by the table in `server.status`."""

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """End the call with the status of its exception."""
        try:
            yield
        except aio.AbortError:
            raise  # is ended already
        except Exception as error:
            request_id = present_request_id()
            outcome = outcome_of(error, request_id)
            if not outcome.expected:
                log.exception("a call failed by a fault of ours", method=call.method)
            elif error.__cause__:
                log.info("a call failed", method=call.method, cause=repr(error.__cause__))
            trailers = (*outcome.trailers, (HEADER, request_id))
            await call.context.abort(outcome.code, outcome.message, trailers)
