"""What the box office page asks for beside Streamlit: live stock, answered from memory, and donors by a prefix."""

from __future__ import annotations

import asyncio
import time
import uuid

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.middleware import authentication
from api.middleware.authentication import TILL_STOCK_PATH
from ticketing import db
from ticketing.access import permissions
from ticketing.errors import NotFound, NotSignedIn
from ticketing.reporting import live_stock
from ticketing.sales import donor_search

IDENTITY_SECONDS = 10
MAX_IDENTITIES = 1000
NO_STORE = {"Cache-Control": "no-store"}
_allowed_until: dict[tuple[bytes, uuid.UUID], float] = {}  # by hash of the session's secret, and event
_poll_lock = asyncio.Lock()


async def stock(request: Request) -> Response:
    """Return what is left of each package on sale, with a number that changes with every sale and edit.

    Session and role are checked in the database at most every IDENTITY_SECONDS; the answer comes from memory.
    """
    event_id = _parse_event_id(request)
    secret = authentication.find_cookie_secret(request)
    if secret is None:
        raise NotSignedIn
    key = permissions.hash_secret(secret), event_id
    if _allowed_until.get(key, 0) < time.monotonic():
        await authentication.run_in_thread(_check_identity, secret, event_id)
        _remember(key)
    current = live_stock.find_recent(event_id)
    if current is None:
        async with _poll_lock:  # those who wait here find what the first one polled, and take no thread
            current = live_stock.find_recent(event_id) or await run_in_threadpool(live_stock.get, event_id)
    assert current is not None
    return JSONResponse({"state": current.state, "left": current.left}, headers=NO_STORE)


def _check_identity(secret: str, event_id: uuid.UUID) -> None:
    """Raise NotSignedIn, NotFound or NotAllowed unless the session may sell for the event now."""
    with db.read_session() as session:
        actor = permissions.find_session_actor(session, secret)
        if actor is None:
            raise NotSignedIn
        permissions.require(session, actor, "change", event_id)
    authentication.touch_last_used(actor)


def _remember(key: tuple[bytes, uuid.UUID]) -> None:
    now = time.monotonic()
    if len(_allowed_until) >= MAX_IDENTITIES:
        for each in [each for each, until in _allowed_until.items() if until < now]:
            del _allowed_until[each]
    _allowed_until[key] = now + IDENTITY_SECONDS


async def donors(request: Request) -> Response:
    """Return donors whose name or address begins with `prefix`, from a JSON body: names belong in no address or log."""
    actor, event_id = authentication.get_actor(request), _parse_event_id(request)
    try:
        values = await request.json()
    except ValueError:
        values = None
    prefix = values.get("prefix") if isinstance(values, dict) else None
    typed = prefix if isinstance(prefix, str) else ""  # refused below, after the permission is checked
    found = await run_in_threadpool(
        lambda: db.write(lambda session: donor_search.search(session, actor, event_id, typed))
    )
    rows = [
        {
            "name": donor.name,
            "email": donor.email,
            "phone": donor.phone or "",
            "last_purchase_at": donor.last_purchase_at.isoformat() if donor.last_purchase_at else None,
            "is_of_event": donor.is_of_event,
        }
        for donor in found
    ]
    return JSONResponse({"donors": rows}, headers=NO_STORE)


def _parse_event_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["event_id"])
    except ValueError:
        raise NotFound("event") from None


routes = [
    Route(TILL_STOCK_PATH + "{event_id}", stock),
    Route("/till/donors/{event_id}", donors, methods=["POST"]),
]
