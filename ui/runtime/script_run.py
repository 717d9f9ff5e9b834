"""The run of a page's script, as the log and the figures see it."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit.logger
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from ticketing import logs, metrics
from ticketing.errors import TicketingError

MAX_REMEMBERED_SESSIONS = 1_000

# By Streamlit's session: callbacks and fragments run before the frame has asked again who is here.
_context_by_session: OrderedDict[str, dict[str, str]] = OrderedDict()


def set_up_logging() -> None:
    """Lines that a page's script writes carry its session, and Streamlit's own go where ours go."""
    logs.set_up()
    logs.set_context_provider(_get_log_context)
    # Streamlit gives each of its loggers a handler when it is made, many of them late, and has no option against it.
    streamlit.logger.setup_formatter = _route_to_root
    streamlit.logger.update_formatter()
    logging.getLogger("streamlit.error_util").addFilter(_is_not_uncaught_error)


def add_log_context(**context: str) -> None:
    """What lines of this session are about until something else is remembered: `actor`, `event`, `page`."""
    session = session_id()
    if session:
        _context_by_session[session] = {**_context_by_session.get(session, {}), **context}
        _context_by_session.move_to_end(session)
        while len(_context_by_session) > MAX_REMEMBERED_SESSIONS:
            _context_by_session.popitem(last=False)


@contextmanager
def measure_run(page: str) -> Iterator[None]:
    """Times a run of this page and counts how it ended. Streamlit ends a run early by what is no Exception."""
    add_log_context(page=page)
    outcome, began = "stopped", time.perf_counter()
    try:
        yield
        outcome = "done"
    except TicketingError:
        outcome = "refused"
        raise
    except Exception:
        outcome = "fault"
        raise
    finally:
        metrics.PAGE_RUNS.labels(page, outcome).inc()
        metrics.PAGE_SECONDS.labels(page).observe(time.perf_counter() - began)


def _get_log_context() -> dict[str, str]:
    session = session_id()
    return {"session": session, **_context_by_session.get(session, {})} if session else {}


def session_id() -> str:
    """Streamlit's name for the tab that this script runs for; empty outside of one."""
    script = get_script_run_ctx(suppress_warning=True)
    return script.session_id if script else ""


def fragment_id() -> str:
    """Streamlit's name for the fragment that runs; empty outside of one."""
    return ThreadState.get().fragment_id or ""


def is_fragment_run() -> bool:
    """Whether only fragments run, and not the whole page."""
    script = get_script_run_ctx(suppress_warning=True)
    return script is not None and bool(script.fragment_ids_this_run)


def _route_to_root(logger: logging.Logger) -> None:
    logs.route_to_root(logger)


def _is_not_uncaught_error(record: logging.LogRecord) -> bool:
    """Streamlit tells each error of a page just before it asks the app, which tells it under a reference."""
    return record.msg != "Uncaught app execution"
