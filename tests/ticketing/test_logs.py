"""Log lines: one per entry, as text or JSON, with ids and without personal data."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.waiting import wait_until
from ticketing import db, logs

HOSTILE = "Ana\n2026-01-01 ERROR forged\r\x0b\u2028\x1b[31m"


@pytest.fixture
def write():
    """Log one error in the given format, and return the written text."""

    def log_error(form: str, *message: object, exc_info: BaseException | None = None, **extra: object) -> str:
        out = io.StringIO()
        handler = logging.StreamHandler(out)
        handler.setFormatter(logs.create_formatter(form))
        handler.addFilter(logs.add_context)
        logger = logging.Logger("ticketing.somewhere")
        logger.addHandler(handler)
        logger.error(*message, exc_info=exc_info, extra=extra)
        return out.getvalue()

    return log_error


def make_error() -> RuntimeError:
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError as error:
        return error


def test_json_line_has_time_level_logger_message_and_context(write):
    with logs.log_context(lambda: {"request": "r1", "actor": "a1", "event": "e1"}):
        line = json.loads(write("json", "sold %s", 3, milliseconds=12))
    assert datetime.now(UTC).timestamp() - datetime.fromisoformat(line.pop("time")).timestamp() < 60
    assert line == {
        "level": "ERROR",
        "logger": "ticketing.somewhere",
        "message": "sold 3",
        "milliseconds": 12,
        "request": "r1",
        "actor": "a1",
        "event": "e1",
    }


def test_json_line_is_ascii_and_contains_the_traceback(write):
    written = write("json", "typed: %s", HOSTILE, exc_info=make_error(), reference="cafe0123")
    assert written.count("\n") == 1
    assert written.isascii()
    assert all(letter.isprintable() for letter in written[:-1])
    line = json.loads(written)
    assert (line["message"], line["reference"]) == (f"typed: {HOSTILE}", "cafe0123")
    assert "RuntimeError: Ana\n2026-01-01 ERROR forged" in line["traceback"]


def test_text_line_ends_with_ids_and_further_lines_are_indented(write):
    with logs.log_context(lambda: {"request": "r1", "actor": "a1"}):
        first, *rest = write("text", "typed: %s", HOSTILE, exc_info=make_error()).splitlines()
    assert first.endswith("ERROR ticketing.somewhere: typed: Ana [request=r1 actor=a1]")
    assert rest[0] == "    2026-01-01 ERROR forged"
    assert first[:2] == "20"
    assert first.split()[0].endswith("Z")
    assert rest[-1] == "     [31m"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("form", ["json", "text"])
def test_rows_quoted_by_postgresql_are_not_logged(write, event, form):
    insert = text(
        "INSERT INTO donors (id, event_id, email, email_key, name) "
        "VALUES (gen_random_uuid(), :event, :typed, :typed, '')"
    )
    typed = {"event": event.id, "typed": "ana.secret@example.org"}
    with pytest.raises(IntegrityError, match=r"ana\.secret") as refused:
        db.write(lambda session: session.execute(insert, typed))

    written = write(form, "starts over: %s", " ".join(str(refused.value).split()), exc_info=refused.value)

    assert "ana.secret" not in written
    assert "violates check constraint" in written
    assert "left out" in written


def test_context_ends_with_its_block_and_can_be_copied(write):
    with logs.log_context(lambda: {"request": "outer"}):
        with logs.log_context(lambda: {"request": "inner"}):
            copied = logs.get_context()
        assert json.loads(write("json", "x"))["request"] == "outer"
    assert "request" not in json.loads(write("json", "x"))
    assert copied == {"request": "inner"}


@pytest.fixture
def library():
    """A logger of a library behind the filter of repeated lines, and the lines that pass."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    handler.addFilter(logs.RepetitionFilter(window_seconds=0.5))
    logger = logging.getLogger("library.server")
    logger.addHandler(handler)
    logging.getLogger("ticketing.logs").addHandler(handler)
    yield logger, lines
    logger.removeHandler(handler)
    logging.getLogger("ticketing.logs").removeHandler(handler)


def test_repeated_lines_of_a_library_are_dropped_and_counted(library):
    logger, lines = library
    for number in range(2000):
        logger.warning("no file %s", number)
    logger.warning("from another place")

    wait_until(lambda: len(lines) == 12, seconds=10)

    assert lines == [
        *(f"no file {number}" for number in range(10)),
        "from another place",
        "1990 more lines of library.server within 0 seconds were dropped; they came from where the last one did",
    ]


def test_lines_are_written_again_in_the_next_minute(library):
    logger, lines = library
    for _ in range(11):
        logger.warning("repeated")
    wait_until(lambda: len(lines) == 11, seconds=10)
    logger.warning("repeated")
    assert lines[-1] == "repeated"


def test_lines_of_ticket_desk_are_never_dropped(library):
    _, lines = library
    for _ in range(50):
        logging.getLogger("ticketing.logs").warning("a sale")
    assert lines == ["a sale"] * 50
