"""A page whose server is gone: the browser finds another one, which draws it anew and says what that means.

The same holds for a page that was asleep for longer than its server remembers it.
"""

from __future__ import annotations

import streamlit as st

LOST = "The connection was lost for a while. Enter again what was not saved."
_A_DAY = 24 * 60 * 60


def follow() -> None:
    """Call once in the frame. What was lost is said until somebody has read it and closes it."""
    if "is_known_here" not in st.session_state:
        st.session_state.is_known_here = True
        if _was_open_before():
            st.toast(LOST, icon=":material/cloud_off:", duration="infinite")
    _draw_anew_when_connected_again()


def _was_open_before() -> bool:
    """Browsers that connect again name the session they had; one that is still known here is simply continued."""
    named = st.context.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return len(named) > 2 and bool(named[2].strip())


@st.fragment(run_every=_A_DAY)
def _draw_anew_when_connected_again() -> None:
    """Does nothing, and is there for its timer: a page without one is not drawn when its connection is back, and its
    buttons would speak of a run that the new server knows nothing of."""
