"""The run of a page's script: its session and fragment, its log context and its metrics."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit.logger
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ThreadState

from ticketing import logs, metrics
from ticketing.errors import TicketingError
from ui.runtime import StreamlitChanged

MAX_REMEMBERED_SESSIONS = 1_000
ERROR_LOGGER = "streamlit.error_util"
UNCAUGHT_ERROR_MESSAGE = "Uncaught app execution"

# By session id, since callbacks and fragments run before the frame script has looked up the user.
_context_by_session: OrderedDict[str, dict[str, str]] = OrderedDict()


def set_up_logging() -> None:
    """Add the session to log lines of scripts, and route Streamlit's loggers to ours. Raises StreamlitChanged."""
    logs.set_up()
    logs.set_context_provider(_get_log_context)
    # Streamlit adds a handler to each of its loggers when it creates them, many of them late; no option prevents it.
    if not hasattr(streamlit.logger, "setup_formatter"):
        raise StreamlitChanged("streamlit.logger.setup_formatter")
    streamlit.logger.setup_formatter = logs.route_to_root
    streamlit.logger.update_formatter()
    logging.getLogger(ERROR_LOGGER).addFilter(_is_not_uncaught_error)


def add_log_context(**context: str) -> None:
    """Add fields (`actor`, `event`, `page`) to all later log lines of this session."""
    session = session_id()
    if session:
        _context_by_session[session] = {**_context_by_session.get(session, {}), **context}
        _context_by_session.move_to_end(session)
        while len(_context_by_session) > MAX_REMEMBERED_SESSIONS:
            _context_by_session.popitem(last=False)


@contextmanager
def measure_run(page: str) -> Iterator[None]:
    """Record the duration and outcome of a page's run.

    The outcome is "stopped" where Streamlit ends a run early, which it does by a BaseException.
    """
    add_log_context(page=page)
    outcome, started_at = "stopped", time.perf_counter()
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
        metrics.PAGE_SECONDS.labels(page).observe(time.perf_counter() - started_at)


def session_id() -> str:
    """Return Streamlit's id of the tab that this script runs for, or "" outside of a run."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def is_connected(tab: str) -> bool:
    """Whether a browser tab is open for this id of `session_id`; False outside of a server, as in tests."""
    return runtime.exists() and runtime.get_instance().is_active_session(tab)


def fragment_id() -> str:
    """Return Streamlit's id of the running fragment, or "" outside of one."""
    return ThreadState.get().fragment_id or ""


def is_fragment_run() -> bool:
    """Whether only fragments run, not the whole page."""
    context = get_script_run_ctx(suppress_warning=True)
    return context is not None and bool(context.fragment_ids_this_run)


def _get_log_context() -> dict[str, str]:
    session = session_id()
    return {"session": session, **_context_by_session.get(session, {})} if session else {}


def _is_not_uncaught_error(record: logging.LogRecord) -> bool:
    """Drop the line that Streamlit logs before it calls app.show_script_error, which logs the error itself."""
    return record.msg != UNCAUGHT_ERROR_MESSAGE
