"""Patch two Streamlit session methods that mishandle run_every ticks (docs/decisions/0025).

Streamlit runs a script for each tick, even if nothing changed. And a tick that arrives after a script has ended, but
before its last messages were forwarded, replaces the script runner: the event loop then drops those messages, and the
page stays half rendered until the next click.
"""

from __future__ import annotations

from functools import partial

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunData

from ui.runtime import redraw_queue, sales_watch

_original_request_rerun = AppSession.request_rerun
_original_create_scriptrunner = AppSession._create_scriptrunner


def install_patches() -> None:
    """Patch every session of this process. The patches are functions, so mypy sees other types than methods."""
    AppSession.request_rerun = _request_rerun  # type: ignore[assignment,method-assign]
    AppSession._create_scriptrunner = _create_scriptrunner  # type: ignore[assignment,method-assign]


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    """Run the script at once for an interaction, queue it for a tick that finds a change, skip it for an idle tick."""
    if client_state is None or not client_state.is_auto_rerun:
        redraw_queue.discard(session.id)
        _original_request_rerun(session, client_state)
        return
    match sales_watch.on_tick(session.id, client_state.fragment_id):
        case "changed":
            redraw_queue.enqueue(session.id, partial(_original_request_rerun, session, client_state))
        case "poll_due":
            _original_request_rerun(session, client_state)


def _create_scriptrunner(session: AppSession, rerun_data: RerunData) -> None:
    """Wait with a new script runner until the event loop has forwarded the messages of the one that ended.

    A runner that refuses a request has ended; the session removes it when its messages are forwarded.
    """
    runner = session._scriptrunner
    if runner is None:
        _original_create_scriptrunner(session, rerun_data)
    elif not runner.request_rerun(rerun_data) and session._state is not AppSessionState.SHUTDOWN_REQUESTED:
        session._event_loop.call_soon(_create_scriptrunner, session, rerun_data)
