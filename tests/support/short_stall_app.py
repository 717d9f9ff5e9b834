"""The app, which disconnects a client that takes nothing for 2 seconds instead of 30."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount

from app import app
from ui.runtime import stalled_readers

stalled_readers.MAX_STALL_SECONDS = 2.0
impatient_app = Starlette(routes=[Mount("/", app)], lifespan=app.lifespan())
