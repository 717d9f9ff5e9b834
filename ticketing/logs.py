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

Known = Mapping[str, str]

_about: ContextVar[Callable[[], Known] | None] = ContextVar("about", default=None)
_also: Callable[[], Known] = dict
_handler: logging.Handler | None = None

# PostgreSQL quotes the row that it refused, and with it a donor.
_QUOTED_ROW = re.compile(
    r"\b(DETAIL|CONTEXT):\s.*?(?=\s\[SQL:|\s(?:DETAIL|CONTEXT|HINT):\s|\n\nThe above|\n\nDuring|\Z)", re.DOTALL
)
_NOT_OURS = ("color_message",)  # uvicorn's, with the codes of a terminal


def set_up() -> None:
    """Every line of this process goes to stderr as TICKETDESK_LOG_FORMAT says. Raises ValueError when it is unknown.

    Ours are told from INFO on, those of libraries from WARNING on: what they say below that, our lines say.
    """
    global _handler
    form, root = formatter(settings.log_format()), logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    _handler = logging.StreamHandler()
    _handler.setFormatter(form)
    _handler.addFilter(_is_worth_a_line)
    _handler.addFilter(add_what_is_known)
    root.addHandler(_handler)
    logging.getLogger("ticketing").setLevel(logging.INFO)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets"):
        hand_over(logging.getLogger(name))


def hand_over(logger: logging.Logger) -> None:
    """A logger that a library gave handlers of its own speaks through ours from now on."""
    logger.handlers.clear()
    logger.propagate = True


@contextmanager
def about(source: Callable[[], Known]) -> Iterator[None]:
    """Inside, every line carries what `source` knows when the line is written."""
    before = _about.set(source)
    try:
        yield
    finally:
        _about.reset(before)


def also_ask(source: Callable[[], Known]) -> None:
    """Asks `source` for every line; it must not fail. What `about` knows goes before it."""
    global _also
    _also = source


def known() -> dict[str, str]:
    """What a line written now would carry, for who writes it later from another thread."""
    source = _about.get()
    return {**_also(), **(source() if source is not None else {})}


def without_rows(told: str) -> str:
    """A message of PostgreSQL, or a traceback with one, without the rows that it quotes."""
    return _QUOTED_ROW.sub(r"\1: (left out, because it quotes a row)", told)


def formatter(name: str) -> logging.Formatter:
    """How a line is written, by the name that TICKETDESK_LOG_FORMAT gives it: text or json."""
    if name == "json":
        return _Json(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            reserved_attrs=[*logging.makeLogRecord({}).__dict__, "message", "asctime", *_NOT_OURS],
            timestamp="time",
        )
    return _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.split(".")[0] == "ticketing"


def add_what_is_known(record: logging.LogRecord) -> bool:
    """A filter for handlers: the line gets what is known at this moment, beside what it says itself."""
    for name, value in known().items():
        record.__dict__.setdefault(name, value)
    return True


class _Json(JsonFormatter):
    """One object a line, in ASCII: no character of it can end a line early."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        log_data["message"] = without_rows(str(log_data["message"]))
        log_data = {"time": log_data.pop("time"), **log_data}
        return super().process_log_record(log_data)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return without_rows(super().formatException(ei))  # type: ignore[arg-type]


class _Text(logging.Formatter):
    """One line, the ids at its end. What has more lines follows indented, so that nothing typed can pass for a line."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"
    NAMES = ("request", "actor", "event", "page", "session", "statement")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # of another handler, in its words
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message, *rest = map(_printable, without_rows(record.message).splitlines() or [""])
        ids = " ".join(f"{name}={record.__dict__[name]}" for name in self.NAMES if name in record.__dict__)
        line = super().formatMessage(record) + (f" [{_printable(ids)}]" if ids else "")
        return "\n".join([line, *(f"    {each}" for each in rest)])

    def formatException(self, ei: Any) -> str:  # noqa: N802
        told = without_rows(super().formatException(ei))
        return "\n".join(f"    {_printable(line)}" for line in told.splitlines())


def _printable(told: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in told)
