"""The log: one line for each thing that happened, as text for people or as JSON for machines, with whom it was about.

What belongs to a line beside its message (request, actor, event, route, page, session) is asked of whoever knows it at
that moment: `about` for a request or a thread, `also_ask` for the script of a page. Ids only, never names or addresses.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from ticketing import settings

LogContext = Mapping[str, str]

_context_provider: ContextVar[Callable[[], LogContext] | None] = ContextVar("about", default=None)
_process_context_provider: Callable[[], LogContext] = dict
_handler: logging.Handler | None = None

# PostgreSQL quotes the row that it refused, and with it a donor.
_QUOTED_ROW = re.compile(
    r"\b(DETAIL|CONTEXT):\s.*?(?=\s\[SQL:|\s(?:DETAIL|CONTEXT|HINT):\s|\n\nThe above|\n\nDuring|\Z)", re.DOTALL
)
_IGNORED_ATTRIBUTES = ("color_message",)  # uvicorn's, with the codes of a terminal


def set_up() -> None:
    """Every line of this process goes to stderr as TICKETDESK_LOG_FORMAT says. Raises ValueError when it is unknown.

    Ours are told from INFO on, those of libraries from WARNING on: what they say below that, our lines say.
    """
    global _handler
    form, root = create_formatter(settings.load().log_format), logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    _handler = logging.StreamHandler()
    _handler.setFormatter(form)
    _handler.addFilter(_should_log)
    _handler.addFilter(add_context)
    root.addHandler(_handler)
    logging.getLogger("ticketing").setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets"):
        route_to_root(logging.getLogger(name))


def route_to_root(logger: logging.Logger) -> None:
    """A logger that a library gave handlers of its own speaks through ours from now on."""
    logger.handlers.clear()
    logger.propagate = True


@contextmanager
def log_context(provider: Callable[[], LogContext]) -> Iterator[None]:
    """Inside, every line carries what `source` knows when the line is written."""
    before = _context_provider.set(provider)
    try:
        yield
    finally:
        _context_provider.reset(before)


def set_context_provider(provider: Callable[[], LogContext]) -> None:
    """Asks `source` for every line; it must not fail. What `about` knows goes before it."""
    global _process_context_provider
    _process_context_provider = provider


def get_context() -> dict[str, str]:
    """What a line written now would carry, for who writes it later from another thread."""
    source = _context_provider.get()
    return {**_process_context_provider(), **(source() if source is not None else {})}


def redact_quoted_rows(message: str) -> str:
    """A message of PostgreSQL, or a traceback with one, without the rows that it quotes."""
    return _QUOTED_ROW.sub(r"\1: (left out, because it quotes a row)", message)


def create_formatter(name: str) -> logging.Formatter:
    """How a line is written, by the name that TICKETDESK_LOG_FORMAT gives it: text or json."""
    if name == "json":
        return _JsonLogFormatter(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            reserved_attrs=[*logging.makeLogRecord({}).__dict__, "message", "asctime", *_IGNORED_ATTRIBUTES],
            timestamp="time",
        )
    return _TextLogFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


def _should_log(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.split(".")[0] == "ticketing"


def add_context(record: logging.LogRecord) -> bool:
    """A filter for handlers: the line gets what is known at this moment, beside what it says itself."""
    for name, value in get_context().items():
        record.__dict__.setdefault(name, value)
    return True


class _JsonLogFormatter(JsonFormatter):
    """One object a line, in ASCII: no character of it can end a line early."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data["message"] = redact_quoted_rows(str(log_data["message"]))
        log_data = {"time": log_data.pop("time"), **log_data}
        return super().process_log_record(log_data)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return redact_quoted_rows(super().formatException(ei))  # type: ignore[arg-type]


class _TextLogFormatter(logging.Formatter):
    """One line, the ids at its end. What has more lines follows indented, so that nothing typed can pass for a line."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"
    CONTEXT_FIELDS = ("request", "actor", "event", "page", "session", "statement")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # of another handler, in its words
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message, *rest = map(_replace_unprintable, redact_quoted_rows(record.message).splitlines() or [""])
        ids = " ".join(f"{name}={record.__dict__[name]}" for name in self.CONTEXT_FIELDS if name in record.__dict__)
        line = super().formatMessage(record) + (f" [{_replace_unprintable(ids)}]" if ids else "")
        return "\n".join([line, *(f"    {each}" for each in rest)])

    def formatException(self, ei: Any) -> str:  # noqa: N802
        told = redact_quoted_rows(super().formatException(ei))
        return "\n".join(f"    {_replace_unprintable(line)}" for line in told.splitlines())


def _replace_unprintable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)
