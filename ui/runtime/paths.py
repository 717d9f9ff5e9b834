"""Paths that Streamlit serves, for the middleware in `api`; `app.py` passes them on."""

from __future__ import annotations

from streamlit.path_security import is_unsafe_path_pattern

STATIC = "/static/"  # scripts, styles and fonts of the page: about 60 requests for one page
MEDIA = "/media/"
COMPONENT = "/component/"
UPLOAD = "/_stcore/upload_file/"
STREAM = "/_stcore/stream"
HEALTH = "/_stcore/health"
HOST_CONFIG = "/_stcore/host-config"
ASKED_FIRST = (HEALTH, HOST_CONFIG)  # by the page, before it connects
FREQUENT = (STATIC, MEDIA, COMPONENT, HEALTH, HOST_CONFIG)


def is_refused(path: str) -> bool:
    """Return whether Streamlit answers a path itself, with 400 "Bad Request", before any route is tried."""
    return is_unsafe_path_pattern(path.removeprefix("/"))
