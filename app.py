"""The server, and nothing else: pages, API, downloads and sign-in in one process behind one port."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Mount, Route

from api.app import api_app
from api.middleware import errors
from api.middleware.authentication import AuthenticationMiddleware
from api.middleware.body_limits import BodyLimitMiddleware
from api.middleware.csrf import CsrfMiddleware
from api.middleware.errors import FaultMiddleware
from api.middleware.request_log import RequestLogMiddleware
from api.middleware.security_headers import SecurityHeadersMiddleware
from api.site import downloads, graceful_shutdown, health, invitations, metrics, openid, pictures, sign_in
from ticketing import db, settings
from ticketing.db import migrations, pooler, replica
from ticketing.errors import TicketingError
from ui import menu, text
from ui.runtime import index_html, rerun_patch, script_run

log = logging.getLogger("ticketing.server")


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """The database is there and migrated before the first request, and what pages import is loaded."""
    settings.openid()  # what is set up half is told now, and not to the first who signs in
    settings.metrics_token()
    await run_in_threadpool(pooler.check)
    await run_in_threadpool(migrations.migrate)
    _warm_up()
    log.info("started, schema %s", migrations.head_revision())
    try:
        with graceful_shutdown.delay_sigterm():
            yield
    finally:
        await run_in_threadpool(replica.stop)
        await run_in_threadpool(db.stop)
        log.info("stopped")


def _warm_up() -> None:
    """Garbage is looked for where it can be, in what scripts made and not in these libraries; and seldom, since to look
    took a twelfth of a busy server's time."""
    for library in ("pandas", "altair", "pyarrow"):
        import_module(library)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def show_script_error(fault: Exception) -> bool:
    """A refusal that a page let through is its own sentence; a fault is a reference, and the log has the traceback."""
    st.error(
        text.escape_markdown(str(fault))
        if isinstance(fault, TicketingError)
        else errors.fault_message(errors.log_fault(fault))
    )
    return True


def redirect_sales_to_root(request: Request) -> RedirectResponse:
    """Streamlit knows its first page by "/" alone; people know it by its name too."""
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""))


def serve_index(_request: Request) -> HTMLResponse:
    return HTMLResponse(index_html.render(), headers={"Cache-Control": "no-cache"})


script_run.set_up_logging()
rerun_patch.install_patches()
app = st.App(
    Path(__file__).resolve().parent / "ui" / "main.py",
    routes=[
        Route("/", serve_index),
        Route("/sales", redirect_sales_to_root),
        *(Route(f"/{entry.name}", serve_index) for entry in menu.ENTRIES if entry.name != "sales"),
        *sign_in.routes,
        *invitations.routes,
        *openid.routes,
        *health.routes,
        *metrics.routes,
        *downloads.routes,
        *pictures.routes,
        Mount("/api", app=api_app),
    ],
    middleware=[
        Middleware(RequestLogMiddleware),
        Middleware(SecurityHeadersMiddleware),
        # Streamlit keeps to its list for the websocket alone.
        Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["*"]),
        Middleware(FaultMiddleware),
        Middleware(BodyLimitMiddleware),
        Middleware(CsrfMiddleware),
        Middleware(AuthenticationMiddleware),
    ],
    lifespan=lifespan,
    on_script_error=show_script_error,
)
