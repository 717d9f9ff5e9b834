"""What a page shows while the database is away; it comes back by itself."""

from __future__ import annotations

import streamlit as st

from ticketing import db
from ticketing.errors import Unavailable


def show_database_away(away: Unavailable) -> None:
    st.error(f"{away} This page tries again by itself.", icon=":material/cloud_off:")
    _try_again()


@st.fragment(run_every=3)
def _try_again() -> None:
    if db.answers():
        st.rerun()
