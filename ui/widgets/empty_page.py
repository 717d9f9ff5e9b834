"""What a page shows while it has nothing to list: what belongs here, the first step, and a link to the guide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def render_empty_page(title: str, sentence: str, guide_page: str) -> Iterator[None]:
    """Render the frame; the body renders the button of the first step, if the person may take it.

    `sentence` is Markdown; `guide_page` is a file of docs/guide without its ending.
    """
    with st.container(border=True):
        st.header(title, anchor=False)
        st.markdown(sentence)
        with st.container(horizontal=True, vertical_alignment="center"):
            yield
            st.link_button("Read the guide", f"/guide/{guide_page}", type="tertiary", icon=":material/menu_book:")
