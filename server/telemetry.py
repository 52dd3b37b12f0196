"""The log: one form for our lines and those of libraries, on standard error."""

import logging
import sys
from collections.abc import Set as AbstractSet
from typing import Any

import structlog

from server.settings import Settings

# Without the values of variables: they may be secrets, and take seconds to write.
_PLAIN_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
# Libraries that tell every step at level info.
_TALKATIVE = ("procrastinate", "alembic", "psycopg.pool", "asyncio")
_LEVELS = ("debug", "info", "warning", "error", "critical")
# Levels that are switched off above one that is on. As global as logging itself is.
_off: set[str] = set()


def set_up_logging(settings: Settings) -> None:
    """Write the log in the form and detail that were asked for."""
    _off.clear()
    before: list[Any] = [
        _drop_switched_off,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Any] = (
        [_PLAIN_TRACEBACKS, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _join_standard_logging(before, after, settings.log_level)


def _join_standard_logging(before: list[Any], after: list[Any], level: str) -> None:
    """Give lines of the standard library's logging the same form."""
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before[1:], processors=[remove, *after]
        )
    )
    handler.addFilter(lambda record: record.levelname.lower() not in _off)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def set_levels(on: AbstractSet[str]) -> None:
    """Log these levels from now on, and what is critical always."""
    lowest = next((name for name in _LEVELS if name in on), "critical")
    _off.clear()
    _off.update(set(_LEVELS[:-1]) - on)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(lowest))
    logging.root.setLevel(lowest.upper())


def _drop_switched_off(_logger: Any, method: str, event: Any) -> Any:
    # `exception` is how an error with its traceback is written.
    if ("error" if method == "exception" else method) in _off:
        raise structlog.DropEvent
    return event
