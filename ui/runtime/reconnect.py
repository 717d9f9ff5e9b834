"""Tell visitors that their page was connected to another server, or after a sleep, to a new session of the same one.

The new server renders the page again, without what was typed and not saved.
"""

from __future__ import annotations

import streamlit as st

CONNECTION_LOST_MESSAGE = "You were offline. Please re-enter anything unsaved."
_DAY_SECONDS = 24 * 60 * 60


def notify_after_reconnect() -> None:
    """Show a toast, until it is closed, if this session replaces an earlier one. Call once in the frame script."""
    if "is_known_here" not in st.session_state:
        st.session_state.is_known_here = True
        if find_earlier_session(st.context.headers.get("Sec-WebSocket-Protocol", "")):
            st.toast(CONNECTION_LOST_MESSAGE, icon=":material/cloud_off:", duration="infinite")
    _redraw_after_reconnect()


def find_earlier_session(protocol_header: str) -> str | None:
    """Return the id of the session that the browser had before it lost its connection.

    Browsers send it as the third entry of the header. A session that still exists here is continued.
    """
    entries = [entry.strip() for entry in protocol_header.split(",")]
    return (entries[2] or None) if len(entries) > 2 else None


@st.fragment(run_every=_DAY_SECONDS)
def _redraw_after_reconnect() -> None:
    """Do nothing. A page without a timer is not rendered when its connection is back, and its buttons would belong to
    a run that the new server does not know."""
