"""Writes a line for every call that is worth one."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog

from server.interceptors.around import AroundInterceptor, Behavior, Call
from server.status import is_server_fault

log = structlog.get_logger()


class LoggingInterceptor(AroundInterceptor):
    """Logs calls: the server's faults as warnings, callers' faults and the rest in detail."""

    def wrap_inline(self, method: str, behavior: Behavior) -> Behavior | None:
        """Answer in tasks while each call gets a line; a success at once deserves none."""
        return None if log.is_enabled_for(logging.DEBUG) else super().wrap_inline(method, behavior)

    @asynccontextmanager
    async def around(self, call: Call) -> AsyncIterator[None]:
        """Time the call and log its end."""
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        try:
            yield
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except Exception:
            code = _aborted_with(call)
            raise
        finally:
            write = log.warning if is_server_fault(code) else log.debug
            duration_ms = round((time.perf_counter() - started) * 1000, 3)
            write("call", method=call.method, code=code.name, duration_ms=duration_ms)


def _aborted_with(call: Call) -> grpc.StatusCode:
    """Read the status that a call was ended with; the library has it as a number."""
    code: Any = call.context.code()
    return next((c for c in grpc.StatusCode if code in (c, c.value[0])), grpc.StatusCode.UNKNOWN)
