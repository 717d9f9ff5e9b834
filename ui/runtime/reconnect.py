"""A page whose server is gone: the browser finds another one, which draws it anew and says what that means.

The same holds for a page that was asleep for longer than its server remembers it.
"""

from __future__ import annotations

import streamlit as st

CONNECTION_LOST_MESSAGE = "The connection was lost for a while. Enter again what was not saved."
_DAY_SECONDS = 24 * 60 * 60


def notify_after_reconnect() -> None:
    """Call once in the frame. What was lost is said until somebody has read it and closes it."""
    if "is_known_here" not in st.session_state:
        st.session_state.is_known_here = True
        if _is_reconnect():
            st.toast(CONNECTION_LOST_MESSAGE, icon=":material/cloud_off:", duration="infinite")
    _redraw_after_reconnect()


def _is_reconnect() -> bool:
    """Browsers that connect again name the session they had; one that is still known here is simply continued."""
    named = st.context.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return len(named) > 2 and bool(named[2].strip())


@st.fragment(run_every=_DAY_SECONDS)
def _redraw_after_reconnect() -> None:
    """Does nothing, and is there for its timer: a page without one is not drawn when its connection is back, and its
    buttons would speak of a run that the new server knows nothing of."""
