"""What Streamlit does when a timer of a page rings, mended in two places (docs/decisions/0025).

It ran a script for each tick, also for one that had nothing to do. And its event loop drops what a run has yet to tell
once another runner took its place: a tick that came when the script had ended and its last messages waited left the
page half drawn, until somebody clicked.
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
    """For every session of this process."""
    AppSession.request_rerun = _request_rerun  # type: ignore[method-assign]
    AppSession._create_scriptrunner = _create_scriptrunner  # type: ignore[method-assign]


def _request_rerun(session: AppSession, client_state: ClientState | None) -> None:
    """A page that has news is drawn when it is its turn. What it asked for last is what its turn begins with."""
    if client_state is None or not client_state.is_auto_rerun:
        redraw_queue.discard(session.id)
        _original_request_rerun(session, client_state)
        return
    match sales_watch.on_tick(session.id, client_state.fragment_id):
        case "news":
            redraw_queue.enqueue(session.id, partial(_original_request_rerun, session, client_state))
        case "look":
            _original_request_rerun(session, client_state)


def _create_scriptrunner(session: AppSession, rerun_data: RerunData) -> None:
    """A runner that is there and takes no request has ended; it is gone once the loop has passed on its messages."""
    runner = session._scriptrunner
    if runner is None:
        _original_create_scriptrunner(session, rerun_data)
    elif not runner.request_rerun(rerun_data) and session._state is not AppSessionState.SHUTDOWN_REQUESTED:
        session._event_loop.call_soon(_create_scriptrunner, session, rerun_data)
