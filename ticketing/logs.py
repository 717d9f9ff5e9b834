"""Logging: one line per entry, as text or JSON, with the ids of the request, actor and event it belongs to.

The context of a line (request, actor, client, event, route, page, session) comes from providers that are called when
the line is written: `log_context` for a request or a thread, `set_context_provider` for the script of a page. It holds
ids and the network address of the client, never names or e-mail addresses.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from ticketing import settings

log = logging.getLogger("ticketing.logs")

LogContext = Mapping[str, str]
MAX_REPETITIONS = 10
REPETITION_WINDOW_SECONDS = 60.0

_context_provider: ContextVar[Callable[[], LogContext] | None] = ContextVar("log_context_provider", default=None)
_process_context_provider: Callable[[], LogContext] = dict
_handler: logging.Handler | None = None

# PostgreSQL quotes the refused row, which may contain a donor.
_QUOTED_ROW = re.compile(
    r"\b(DETAIL|CONTEXT):\s.*?(?=\s\[SQL:|\s(?:DETAIL|CONTEXT|HINT):\s|\n\nThe above|\n\nDuring|\Z)", re.DOTALL
)
_IGNORED_ATTRIBUTES = ("color_message",)  # uvicorn adds it, with terminal escape codes


def set_up() -> None:
    """Send the log of this process to stderr in the format of TICKETDESK_LOG_FORMAT.

    Loggers of Ticket Desk log from TICKETDESK_LOG_LEVEL, those of libraries from WARNING. Raises InvalidSettings.
    """
    global _handler
    current, root = settings.load(), logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    _handler = logging.StreamHandler()
    _handler.setFormatter(create_formatter(current.log_format))
    _handler.addFilter(_should_log)
    _handler.addFilter(RepetitionFilter())
    _handler.addFilter(add_context)
    root.addHandler(_handler)
    logging.getLogger("ticketing").setLevel(current.log_level.upper())
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets"):
        route_to_root(logging.getLogger(name))


def route_to_root(logger: logging.Logger) -> None:
    """Remove the handlers that a library gave a logger, and let its lines propagate to the root logger."""
    logger.handlers.clear()
    logger.propagate = True


@contextmanager
def log_context(provider: Callable[[], LogContext]) -> Iterator[None]:
    """Inside, every line carries what `provider` returns when the line is written."""
    before = _context_provider.set(provider)
    try:
        yield
    finally:
        _context_provider.reset(before)


def set_context_provider(provider: Callable[[], LogContext]) -> None:
    """Call `provider` for every line of this process; it must not raise. `log_context` overrides its values."""
    global _process_context_provider
    _process_context_provider = provider


def get_context() -> dict[str, str]:
    """Return the context of a line written now, to carry it to another thread."""
    provider = _context_provider.get()
    return {**_process_context_provider(), **(provider() if provider is not None else {})}


def redact_quoted_rows(message: str) -> str:
    """Remove the rows that PostgreSQL quotes from its message or from a traceback."""
    return _QUOTED_ROW.sub(r"\1: (left out, because it quotes a row)", message)


def create_formatter(name: str) -> logging.Formatter:
    """Return the formatter for a value of TICKETDESK_LOG_FORMAT: text or json."""
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


class RepetitionFilter:
    """Filter that passes MAX_REPETITIONS lines a minute from one place in a library, and then says how many it dropped.

    At the limit of open files asyncio logs thousands of tracebacks a second. Lines of Ticket Desk always pass: each is
    about something of its own.
    """

    def __init__(self, window_seconds: float = REPETITION_WINDOW_SECONDS) -> None:
        self._window_seconds = window_seconds
        self._counts: Counter[tuple[str, str, int]] = Counter()  # by logger, file and line
        self._lock = threading.Lock()

    def __call__(self, record: logging.LogRecord) -> bool:
        if record.name.split(".")[0] == "ticketing":
            return True
        place = (record.name, record.pathname, record.lineno)
        with self._lock:
            self._counts[place] += 1
            count = self._counts[place]
        if count == 1:
            timer = threading.Timer(self._window_seconds, self._end_window, (place,))
            timer.daemon = True
            timer.start()
        return count <= MAX_REPETITIONS

    def _end_window(self, place: tuple[str, str, int]) -> None:
        with self._lock:
            dropped = self._counts.pop(place) - MAX_REPETITIONS
        if dropped > 0:
            sentence = "%s more lines of %s within %.0f seconds were dropped; they came from where the last one did"
            log.warning(sentence, dropped, place[0], self._window_seconds)


def add_context(record: logging.LogRecord) -> bool:
    """Add the current context to a record, as a filter of a handler; values of the record itself win."""
    for name, value in get_context().items():
        record.__dict__.setdefault(name, value)
    return True


class _JsonLogFormatter(JsonFormatter):
    """One JSON object per line, in ASCII, so that no character can end the line early."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data["message"] = redact_quoted_rows(str(log_data["message"]))
        log_data = {"time": log_data.pop("time"), **log_data}
        return super().process_log_record(log_data)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return redact_quoted_rows(super().formatException(ei))  # type: ignore[arg-type]


class _TextLogFormatter(logging.Formatter):
    """One line with the ids at its end; further lines are indented, so that user input cannot forge an entry."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"
    CONTEXT_FIELDS = ("request", "actor", "client", "event", "page", "session", "statement")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # cached by the formatter of another handler
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message, *rest = map(_replace_unprintable, redact_quoted_rows(record.message).splitlines() or [""])
        ids = " ".join(f"{name}={record.__dict__[name]}" for name in self.CONTEXT_FIELDS if name in record.__dict__)
        line = super().formatMessage(record) + (f" [{_replace_unprintable(ids)}]" if ids else "")
        return "\n".join([line, *(f"    {each}" for each in rest)])

    def formatException(self, ei: Any) -> str:  # noqa: N802
        traceback = redact_quoted_rows(super().formatException(ei))
        return "\n".join(f"    {_replace_unprintable(line)}" for line in traceback.splitlines())


def _replace_unprintable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)
