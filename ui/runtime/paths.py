"""Paths that Streamlit serves, for the middleware in `api`; `app.py` passes them on."""

from __future__ import annotations

STATIC = "/static/"  # scripts, styles and fonts of the page: about 60 requests for one page
MEDIA = "/media/"
COMPONENT = "/component/"
UPLOAD = "/_stcore/upload_file/"
HEALTH = "/_stcore/health"
HOST_CONFIG = "/_stcore/host-config"
FREQUENT = (STATIC, MEDIA, COMPONENT, HEALTH, HOST_CONFIG)
