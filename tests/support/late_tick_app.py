"""The app with requests at the worst moment.

A tick comes after a script has ended, before its last messages are forwarded. A run takes over the values of widgets
only after a newer one of any tab has, if one does so within WAIT_SECONDS.
"""

from __future__ import annotations

import threading
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.state import SessionState

from app import app

WAIT_SECONDS = 0.3
_original_handle_backmsg = Runtime.handle_backmsg
_original_set_widgets = SessionState.set_widgets_from_proto
_first, _taken_over = threading.Lock(), threading.Event()


def _handle_tick_after_script_end(runtime: Runtime, session_id: str, message: BackMsg, **more: Any) -> None:
    """Block the event loop, which forwards messages, until running scripts have ended."""
    if message.rerun_script.is_auto_rerun:
        for thread in threading.enumerate():
            if thread.name.startswith("ScriptRunner"):
                thread.join()
    _original_handle_backmsg(runtime, session_id, message, **more)


def _set_widgets_after_the_next_run(state: SessionState, widget_states: WidgetStates) -> None:
    if _first.acquire(blocking=False):
        try:
            _taken_over.clear()
            _taken_over.wait(WAIT_SECONDS)
            _original_set_widgets(state, widget_states)
        finally:
            _first.release()
    else:
        _original_set_widgets(state, widget_states)
        _taken_over.set()


Runtime.handle_backmsg = _handle_tick_after_script_end  # type: ignore[method-assign]
SessionState.set_widgets_from_proto = _set_widgets_after_the_next_run  # type: ignore[method-assign]
app_with_late_ticks = Starlette(routes=[Mount("/", app)], lifespan=app.lifespan())
