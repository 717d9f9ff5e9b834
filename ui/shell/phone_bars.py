"""The bars of a phone, which shell.css hides on wider screens: where we are, and the pages of an evening."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from ui import menu
from ui.menu import Entry
from ui.session import PageContext
from ui.shell import sidebar

PAGES = ("sales", "box_office", "guests")
BAR_TAG = '<div class="phone-bar" aria-hidden="true"'
_ICON = '<span class="icon" aria-hidden="true">menu</span>'
MORE_LABEL = "More"
_MORE_BUTTON = f'<button type="button" class="menu-link" data-shell="more">{_ICON}{MORE_LABEL}</button>'


def render(context: PageContext, pages: Mapping[str, st.Page], entry: Entry) -> None:
    """Render page and event in the bar at the top, and links to PAGES in the one at the bottom; "More" opens the menu.

    Without an event, the bottom bar has "More" only.
    """
    name = context.event.name if context.event else "Ticket Desk"
    # Shown by styles: the header of the page says the same to screen readers.
    st.html(f'{BAR_TAG} data-page="{escape(entry.title)}" data-event="{escape(name)}"></div>')
    with st.container(key="bottom_bar", horizontal=True):
        for each in PAGES if context.event is not None else ():
            if each in pages:
                sidebar.render_link(context, pages, menu.get_entry(each))
        st.html(_MORE_BUTTON)
