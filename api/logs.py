"""What the processes of a ledger log: one line an event, in words that hold no one's data.

A line names positions, names and codes. Of a failure it tells the kind and the place in the program: neither its text
nor any variable, which may hold what was to be sealed.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Final

import structlog

__all__ = ["configure", "place_of"]

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str) -> None:
    """Log from this level on (`debug`, `info`, `warning`, `error`), without ever rendering a traceback's variables."""
    # A server says of an exception that it fell to what its text is, which may quote what was asked for.
    logging.getLogger("uvicorn.error").addFilter(_without_traceback)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=False,
    )


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = record.exc_text = None
    return True


def place_of(error: BaseException) -> str:
    """Give where in the program an error was raised: the innermost module and line."""
    at: TracebackType | None = error.__traceback__
    place = "unknown"
    while at is not None:
        place = f"{at.tb_frame.f_globals.get('__name__', '?')}:{at.tb_lineno}"
        at = at.tb_next
    return place
