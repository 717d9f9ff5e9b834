"""An app with one page that raises errors, and the error handler of app.py."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from api.site import health
from app import show_script_error

broken = st.App(Path(__file__).with_name("broken_page.py"), routes=[*health.routes], on_script_error=show_script_error)
