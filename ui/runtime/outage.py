"""What a page shows while the database is away. It stays as it is, with what was typed, and goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, RerunException, get_script_run_ctx

from ticketing import db
from ticketing.errors import Unavailable
from ui import text

RETRY_SECONDS = 3
RECOVERY_HINT = "This page keeps what you typed and goes on by itself."


@contextmanager
def keep_page_on_outage() -> Iterator[None]:
    """Around what draws and asks the database: when it is away the page is not drawn on, and keep_page steps in."""
    try:
        yield
    except Unavailable as away:
        stop_with_banner(away)


def is_banner_shown() -> bool:
    """Whether the banner says now that the database is away."""
    return "away" in st.session_state


def stop_with_banner(error: Unavailable) -> NoReturn:
    """Ends this run and draws nothing but the banner that says why.

    A run that ends for the sake of a fragment takes nothing off the page: widgets that it did not draw keep what
    they hold, here and in the browser, as after any st.rerun. Ending it with a message instead would lose every
    field of a form that is open.
    """
    st.session_state.away = error
    run = get_script_run_ctx()
    raise RerunException(
        RerunData(
            query_string=run.query_string,
            page_script_hash=run.page_script_hash,
            fragment_id_queue=run.fragment_storage.resolve_target("away"),
            is_fragment_scoped_rerun=True,
            cached_message_hashes=run.cached_message_hashes,
            context_info=run.context_info,
        )
    )


@contextmanager
def reserve_banner() -> Iterator[None]:
    """Around the first question to the database: the place of the banner is at the top, whatever comes of it.

    What it says stays until the question is answered, so that it does not blink with every try.
    """
    try:
        yield
        st.session_state.pop("away", None)
    finally:
        with st.container(key="away"):
            _render_banner()


@st.fragment(key="away")
def _render_banner() -> None:
    away: Unavailable | None = st.session_state.get("away")
    if away is None:
        return
    if away.is_transient:
        st.error(text.escape_markdown(f"{away.summary} {RECOVERY_HINT}"), icon=":material/cloud_off:")
        _rerun_when_available()
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="away_by_hand"):
            st.error(text.escape_markdown(str(away)), icon=":material/error:")
            st.button("Try again", key="away_try_again", on_click=st.rerun)


@st.fragment(run_every=RETRY_SECONDS)
def _rerun_when_available() -> None:
    if db.is_reachable():
        st.rerun()
