"""The app with ticks at the worst moment: after a script has ended, before its last messages are forwarded."""

from __future__ import annotations

import threading
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.runtime import Runtime

from app import app

_original_handle_backmsg = Runtime.handle_backmsg


def _handle_tick_after_script_end(runtime: Runtime, session_id: str, message: BackMsg, **more: Any) -> None:
    """Block the event loop, which forwards messages, until running scripts have ended."""
    if message.rerun_script.is_auto_rerun:
        for thread in threading.enumerate():
            if thread.name.startswith("ScriptRunner"):
                thread.join()
    _original_handle_backmsg(runtime, session_id, message, **more)


Runtime.handle_backmsg = _handle_tick_after_script_end  # type: ignore[method-assign]
app_with_late_ticks = Starlette(routes=[Mount("/", app)], lifespan=app.lifespan())
