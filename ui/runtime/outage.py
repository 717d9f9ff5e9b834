"""Keep the page as it is, under a banner, while the database is unavailable or after the session has ended.

While the database is unavailable the page keeps what was typed, and continues by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, RerunException, get_script_run_ctx

from ticketing import db
from ticketing.errors import NotSignedIn, Unavailable
from ui import text

RETRY_SECONDS = 3
# ui/scripts/shell.js shows a dialog about it, which a page of Streamlit could not do above an open dialog of its own.
SIGNED_OUT_MARK = "<p data-signed-out>{}</p>"
RECOVERY_HINT = "This page keeps what you typed and continues by itself."


@contextmanager
def keep_page_on_outage() -> Iterator[None]:
    """Stop the run with the banner when the block raises Unavailable or NotSignedIn; the page stays as it is."""
    try:
        yield
    except (Unavailable, NotSignedIn) as error:
        stop_with_banner(error)


def is_banner_shown() -> bool:
    """Whether the page shows the banner now."""
    return "away" in st.session_state


def stop_with_banner(error: Unavailable | NotSignedIn) -> NoReturn:
    """End this run and render the banner with `error` only.

    The run ends by a rerun of the banner's fragment, as with st.rerun: widgets that the run did not render keep their
    values, here and in the browser. Ending it with a message would lose every field of an open form.
    """
    st.session_state.away = error
    context = get_script_run_ctx()
    assert context is not None
    raise RerunException(
        RerunData(
            query_string=context.query_string,
            page_script_hash=context.page_script_hash,
            fragment_id_queue=context.fragment_storage.resolve_target("away"),
            is_fragment_scoped_rerun=True,
            cached_message_hashes=context.cached_message_hashes,
            context_info=context.context_info,
        )
    )


@contextmanager
def reserve_banner() -> Iterator[None]:
    """Render the banner at the top of the page; wrap the first database query of the frame script.

    The banner stays until the query succeeds, so that it does not blink with every retry.
    """
    try:
        yield
        st.session_state.pop("away", None)
    finally:
        with st.container(key="away"):
            _render_banner()


@st.fragment(key="away")
def _render_banner() -> None:
    error: Unavailable | NotSignedIn | None = st.session_state.get("away")
    if error is None:
        return
    if isinstance(error, NotSignedIn):
        st.html(SIGNED_OUT_MARK.format(error))
    elif error.is_transient:
        st.error(text.escape_markdown(f"{error.summary} {RECOVERY_HINT}"), icon=":material/cloud_off:")
        _rerun_when_available()
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="away_by_hand"):
            st.error(text.escape_markdown(str(error)), icon=":material/error:")
            st.button("Try again", key="away_try_again", on_click=st.rerun)


@st.fragment(run_every=RETRY_SECONDS)
def _rerun_when_available() -> None:
    if db.is_reachable():
        st.rerun()
