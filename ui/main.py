"""The frame script: look up the user and the event, render the menu, then run the page."""

from __future__ import annotations

import streamlit as st

from ui import menu, session
from ui.runtime import outage, reconnect, redraw_queue, script_run, uploads
from ui.shell import phone_bars, sidebar
from ui.widgets import undo
from ui.widgets.forms import render_messages

APP_NAME = "Ticket Desk"

st.set_page_config(page_title=APP_NAME, page_icon="/session/icon.svg", layout="wide")
with outage.keep_page_on_outage(), redraw_queue.track_run(), uploads.track_run():
    with outage.reserve_banner():
        context = session.load_context()
    pages = {entry.name: menu.create_page(entry) for entry in menu.ENTRIES if context.is_allowed(entry.action)}
    page = st.navigation(list(pages.values()), position="hidden")
    entry = menu.get_entry(page.url_path or menu.DEFAULT_PAGE)
    place = context.event.name if context.event is not None and entry.is_about_event else APP_NAME
    st.set_page_config(page_title=f"{entry.title} · {place}")
    menu.open_requested_page()
    sidebar.render(context, pages)
    phone_bars.render(context, pages, entry)
    reconnect.notify_after_reconnect()
    with st.container(key="announcements"):  # or the page would move by one place, and be seen twice during the run
        render_messages()
    with script_run.measure_run(entry.name):
        page.run()
    undo.render(f"{page.url_path} {context.event.id if context.event else ''}")
