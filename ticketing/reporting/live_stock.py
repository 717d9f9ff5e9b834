"""How many packages are left, for pages that ask every 2 seconds: one query per server and poll, however many ask."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from ticketing import db
from ticketing.models import Package

POLL_SECONDS = 1.0
WATCH_EXPIRY_SECONDS = 10


@dataclass(frozen=True)
class Stock:
    """What an event has left by package id, None without a limit; `state` differs after every sale and edit.

    Packages that are not on sale are left out.
    """

    left: Mapping[str, int | None] = field(default_factory=dict)
    state: int = 0


_lock = threading.Lock()
_last_poll_at = 0.0
_last_requested_at: dict[uuid.UUID, float] = {}
_stocks: dict[uuid.UUID, Stock] = {}


def find_recent(event_id: uuid.UUID) -> Stock | None:
    """Return the stock from memory, without the database; None when it has to be polled first.

    Checks no permission: the caller has checked that the person may read the event.
    """
    now = time.monotonic()
    if event_id not in _last_requested_at or now - _last_poll_at >= POLL_SECONDS:
        return None
    _last_requested_at[event_id] = now
    return _stocks.get(event_id)


def get(event_id: uuid.UUID) -> Stock:
    """Return the stock, at most POLL_SECONDS old; poll for all events that are watched if that is due.

    Checks no permission, as `find_recent`. Raises Unavailable.
    """
    global _last_poll_at, _stocks
    with _lock:
        if (recent := find_recent(event_id)) is not None:
            return recent
        now = time.monotonic()
        _last_requested_at[event_id] = now
        for each in [key for key, at in list(_last_requested_at.items()) if now - at > WATCH_EXPIRY_SECONDS]:
            del _last_requested_at[each]
        with db.read_session() as session:
            _stocks = load(session, set(_last_requested_at))
        _last_poll_at = now
        return _stocks[event_id]


def load(session: Session, event_ids: set[uuid.UUID]) -> dict[uuid.UUID, Stock]:
    """Return the stock of each event as it is now. Checks no permission."""
    left: dict[uuid.UUID, dict[str, int | None]] = {each: {} for each in event_ids}
    states: dict[uuid.UUID, list[tuple[int, ...]]] = {each: [] for each in event_ids}
    rows = session.execute(
        select(
            Package.event_id,
            Package.id,
            Package.is_enabled,
            Package.is_archived,
            Package.quantity_limit,
            Package.sold_count,
            Package.version,
            Package.options_version,
            Package.sales_version,
        )
        .where(Package.event_id.in_(event_ids))
        .order_by(Package.id)
    )
    for row in rows:
        states[row.event_id].append((row.id.int, row.is_archived, row.version, row.options_version, row.sales_version))
        if row.is_enabled and not row.is_archived:
            limit = row.quantity_limit
            left[row.event_id][str(row.id)] = None if limit is None else max(0, limit - row.sold_count)
    return {each: Stock(left[each], hash(tuple(states[each])) & 0xFFFFFFFF) for each in event_ids}
