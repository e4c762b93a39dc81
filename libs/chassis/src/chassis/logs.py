"""Logs: JSON lines on standard output, coloured ones for a person at a terminal.

Whoever handles a message binds its ids once, `with bound(project=..., command=...)`,
and each line that is written meanwhile carries them, and the trace's. Log at
entrypoints and adapters; never file contents or prompts above debug level, and no line
for each event.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from chassis import tracing

_encode = msgspec.json.Encoder(enc_hook=str).encode

# Chatty at INFO, and what they tell is told by our own lines.
_QUIET = ("httpx", "httpcore", "asyncio", "nats", "litestar", "uvicorn")


def configure(service: str, level: str = "INFO", *, style: str | None = None) -> None:
    """Send all logs of this process, the libraries' too, to standard output.

    *style* is `json` or `console`; by default the variable LOG_FORMAT, or else JSON
    unless a terminal is listening.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    style = style or os.environ.get("LOG_FORMAT") or _default_style()
    structlog.configure(
        processors=_processors(service, style),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=(
            structlog.PrintLoggerFactory(sys.stdout)
            if style == "console"
            else structlog.BytesLoggerFactory(sys.stdout.buffer)
        ),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Bridge()], level=number, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; call it with `__name__`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(source=name)
    return logger


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Put *ids* on every line that is written in this context and its tasks."""
    texts = {name: str(value) for name, value in ids.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**texts):
        yield


def _default_style() -> str:
    return "console" if sys.stdout.isatty() else "json"


def _processors(service: str, style: str) -> list[Processor]:
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    if style == "console":
        colors = sys.stdout.isatty() or "FORCE_COLOR" in os.environ
        return [
            *common,
            structlog.processors.TimeStamper("%H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=colors and "NO_COLOR" not in os.environ,
                # The pretty ones show local variables, and secrets are among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return [
        *common,
        _name_trace,
        name_service,
        structlog.processors.TimeStamper("iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _render,
    ]


def _name_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    traceparent = tracing.current()
    if traceparent is not None:
        event["trace"] = tracing.trace_id(traceparent)
    return event


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return _encode(event)


class _Bridge(logging.Handler):
    """Hands what libraries log to structlog."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"source": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)
