"""The server: pages, API, downloads and sign-in in one process on one port."""

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
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

import ticketing
from api.app import api_app
from api.compression import REVALIDATED, CompressedBody
from api.middleware import errors
from api.middleware.api_paths import ApiPathMiddleware
from api.middleware.authentication import TILL_STOCK_PATH, AuthenticationMiddleware
from api.middleware.body_limits import BodyLimitMiddleware
from api.middleware.client_address import ClientAddressMiddleware
from api.middleware.csrf import CsrfMiddleware
from api.middleware.errors import FaultMiddleware
from api.middleware.request_log import RequestLogMiddleware
from api.middleware.security_headers import SecurityHeadersMiddleware
from api.middleware.static_files import StaticFilesMiddleware
from api.middleware.upload_quota import MEGABYTE, UploadQuotaMiddleware
from api.site import (
    downloads,
    graceful_shutdown,
    guide,
    health,
    heap,
    invitations,
    metrics,
    openid,
    pictures,
    sign_in,
    startup,
    till,
)
from ticketing import db, secret_key, settings
from ticketing.db import migrations, pooler, replica, start_checks
from ticketing.errors import TicketingError
from ticketing.settings import InvalidSettings
from ui import menu, text
from ui.runtime import (
    StreamlitChanged,
    index_html,
    listening_sockets,
    paths,
    rerun_patch,
    script_run,
    stalled_connections,
    stalled_readers,
    static_files,
    uploads,
)

log = logging.getLogger("ticketing.server")


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Check settings, migrate the database and load libraries before the first request."""
    with startup.exit_when_refused():
        settings.load()
        secret_key.get()
        await run_in_threadpool(_prepare_database)
    _import_large_libraries()
    _tune_garbage_collection()
    listening_sockets.disable_nagle()
    log.info("started, version %s, schema %s", ticketing.__version__, migrations.head_revision())
    try:
        async with uploads.free_regularly():
            with graceful_shutdown.delay_sigterm():
                yield
    finally:
        await run_in_threadpool(replica.stop)
        await run_in_threadpool(db.stop)
        log.info("stopped")


def _prepare_database() -> None:
    start_checks.check_server()
    pooler.check()
    with start_checks.explain_failures():
        migrations.migrate()
        start_checks.check_time_zones()


def _import_large_libraries() -> None:
    """Import what the first page would otherwise wait for."""
    for library in ("pandas", "altair", "pyarrow"):
        import_module(library)


def _tune_garbage_collection() -> None:
    """Freeze long-lived objects and raise the GC thresholds; collection used 8% of CPU on a busy server."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def show_script_error(error: Exception) -> bool:
    """Show domain errors as they are; log anything else and show a reference."""
    if isinstance(error, TicketingError):
        st.error(text.escape_markdown(str(error)))
    else:
        st.error(errors.fault_message(errors.log_fault(error)))
    return True


def redirect_sales_to_root(request: Request) -> RedirectResponse:
    """Redirect /sales to /, the only address that Streamlit has for its first page."""
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""))


async def serve_index(request: Request) -> Response:
    """Return the HTML that every page starts from."""
    return await index.respond(request.scope)


heap.limit_heap()
try:
    index = CompressedBody(index_html.build().encode, "text/html", REVALIDATED)
    inline_script_hashes = index_html.hash_inline_scripts()
    own_files, replaced_fonts = static_files.list_files(), static_files.list_replaced_fonts()
    script_run.set_up_logging()
    rerun_patch.install_patches()
    stalled_readers.install_patch()
    stalled_connections.install_patches()
except (StreamlitChanged, InvalidSettings) as refusal:
    startup.exit_with(refusal)

max_upload_bytes = st.get_option("server.maxUploadSize") * MEGABYTE
api_mount = Mount("/api", app=api_app)
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
        *till.routes,
        *guide.routes,
        api_mount,
    ],
    middleware=[
        Middleware(ClientAddressMiddleware),
        Middleware(RequestLogMiddleware, unlogged_paths=(*paths.FREQUENT, TILL_STOCK_PATH)),
        Middleware(SecurityHeadersMiddleware, inline_script_hashes=inline_script_hashes, static_path=paths.STATIC),
        # Streamlit applies server.allowedHosts to the websocket only.
        Middleware(TrustedHostMiddleware, allowed_hosts=st.get_option("server.allowedHosts") or ["*"]),
        Middleware(FaultMiddleware),
        Middleware(BodyLimitMiddleware, upload_path=paths.UPLOAD, max_upload_bytes=max_upload_bytes),
        Middleware(CsrfMiddleware),
        Middleware(AuthenticationMiddleware, static_path=paths.STATIC),
        Middleware(StaticFilesMiddleware, path=paths.STATIC, files=own_files, replaced=replaced_fonts),
        Middleware(
            UploadQuotaMiddleware,
            upload_path=paths.UPLOAD,
            max_upload_bytes=max_upload_bytes,
            store=uploads,
        ),
        Middleware(ApiPathMiddleware, mount=api_mount, is_refused=paths.is_refused),
    ],
    lifespan=lifespan,
    on_script_error=show_script_error,
)
