"""A start that the operator must make possible: one sentence, and exit code 2."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from ticketing.errors import START_REFUSED_EXIT_CODE, TicketingError
from ticketing.settings import InvalidSettings

log = logging.getLogger("ticketing.server")

_SENTENCE = "Ticket Desk does not start. %s"


def exit_with(refusal: Exception) -> NoReturn:
    """End the process before there is a log: the sentence goes to stderr."""
    print(_SENTENCE % refusal, file=sys.stderr)
    sys.exit(START_REFUSED_EXIT_CODE)


@contextmanager
def exit_when_refused() -> Iterator[None]:
    """Run the checks of the lifespan; end the process when one of them refuses. Other failures are bugs, and pass.

    Without this, Starlette and uvicorn log the traceback of whatever the lifespan raises, and exit with 3.
    """
    try:
        yield
    except (TicketingError, InvalidSettings) as refusal:
        log.critical(_SENTENCE, refusal)
        log.debug("where the start was refused", exc_info=refusal)
        logging.getLogger("uvicorn.error").addFilter(_is_not_about_startup)
        # SystemExit ends an event loop from a callback; in a coroutine Starlette would catch it.
        asyncio.get_running_loop().call_soon(sys.exit, START_REFUSED_EXIT_CODE)
        raise


def _is_not_about_startup(record: logging.LogRecord) -> bool:
    """Drop the traceback that uvicorn logs of a failed start, and the line after it."""
    return not record.getMessage().startswith(("Traceback", "Application startup failed"))
