"""Patch three Streamlit methods that lose ticks, messages and clicks (docs/decisions/0025), and rerun a page.

Streamlit runs a script for each tick, even if nothing changed. And a tick that arrives after a script has ended, but
before its last messages were forwarded, replaces the script runner: the event loop then drops those messages, and the
page stays half rendered until the next click. A click is lost if another request arrives after its run has started, and
before its callbacks have: the run ends for the newer request, which does not have the click.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime import Runtime
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.state import SafeSessionState

from ui.runtime import redraw_queue, sales_watch

RETRY_SECONDS = 0.1
_reruns_to_queue: set[str] = set()  # ids of sessions whose script is running
_waiting_requests: dict[str, deque[RerunData]] = {}  # by session id, while its last runner ends

_original_request_rerun = AppSession.request_rerun
_original_create_scriptrunner = AppSession._create_scriptrunner
_original_on_script_will_rerun = SafeSessionState.on_script_will_rerun


def install_patches() -> None:
    """Patch every session of this process. The patches are functions, so mypy sees other types than methods."""
    SafeSessionState.on_script_will_rerun = _on_script_will_rerun  # type: ignore[assignment,method-assign]
    AppSession.request_rerun = _request_rerun  # type: ignore[assignment,method-assign]
    AppSession._create_scriptrunner = _create_scriptrunner  # type: ignore[assignment,method-assign]


def _on_script_will_rerun(state: SafeSessionState, *args: Any, **options: Any) -> None:
    """Call the callbacks of a run, as Streamlit does, but never end it before them. It ends after them if it has to."""
    with state._lock:
        state._state.on_script_will_rerun(*args, **options)


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

    A runner that refuses a request has ended; the session removes it when its messages are forwarded. Requests that
    arrive meanwhile wait behind the first: the values of an older one must not be taken over after newer ones.
    """
    waiting = _waiting_requests.setdefault(session.id, deque())
    waiting.append(rerun_data)
    if len(waiting) == 1:
        _run_waiting(session)


def _run_waiting(session: AppSession) -> None:
    waiting = _waiting_requests[session.id]
    while waiting:
        runner = session._scriptrunner
        if runner is None:
            _original_create_scriptrunner(session, waiting.popleft())
        elif runner.request_rerun(waiting[0]) or session._state is AppSessionState.SHUTDOWN_REQUESTED:
            waiting.popleft()
        else:
            session._event_loop.call_soon(_run_waiting, session)
            return
    del _waiting_requests[session.id]


def rerun(session_id: str) -> None:
    """Run the script of a tab again soon, with the values that its widgets have; the event loop must call this.

    It waits for a run to end, since only then the session knows the address of the page; then it is queued as a redraw.
    """
    if session_id not in _reruns_to_queue:
        _reruns_to_queue.add(session_id)
        _queue_rerun(session_id)


def _queue_rerun(session_id: str) -> None:
    session = Runtime.instance().get_app_session(session_id)
    if session is not None and session._scriptrunner is not None:
        session._event_loop.call_later(RETRY_SECONDS, _queue_rerun, session_id)
        return
    _reruns_to_queue.discard(session_id)
    if session is not None:
        redraw_queue.enqueue(session_id, partial(_start_rerun, session))


def _start_rerun(session: AppSession) -> None:
    if session._state is AppSessionState.SHUTDOWN_REQUESTED:
        return
    state = session._client_state
    context_info = state.context_info if state.HasField("context_info") else None
    session._create_scriptrunner(
        RerunData(query_string=state.query_string, page_script_hash=state.page_script_hash, context_info=context_info)
    )
