"""Find a returning donor at the till by the beginning of a name, a last name or an e-mail address.

Rules: docs/product.md, "Box office". The indexes are those of `donors` that end in `_prefix`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from ticketing.access import permissions, rate_limits
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.errors import InvalidInput
from ticketing.formatting import remove_invisible_characters
from ticketing.models import Event, Order
from ticketing.validation import email_key

MIN_PREFIX_LENGTH = 3
MAX_PREFIX_LENGTH = 254
MAX_DONORS = 8
# The key of the first order of the sample gala, by which the sample is found even after it was renamed.
SAMPLE_IDEMPOTENCY_KEY = f"sample gala {uuid.uuid5(uuid.NAMESPACE_URL, 'ticket-desk/sample-gala')}"
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class FoundDonor:
    """A donor whose name or address begins as typed; `last_purchase_at` ignores voided sales."""

    name: str
    email: str
    phone: str | None
    last_purchase_at: datetime | None
    is_of_event: bool


def search(session: Session, actor: Actor, event_id: uuid.UUID, prefix: str) -> list[FoundDonor]:
    """Return up to MAX_DONORS donors of this event, then of other events that the actor may change, each person once.

    Accents and case do not matter. Donors of the sample gala are offered only there, and no others are. Counts towards
    the actor's rate limit. Raises NotFound, NotAllowed, InvalidInput (too short or too long) and RateLimited.
    """
    permissions.require(session, actor, "change", event_id)
    typed = remove_invisible_characters(prefix).replace("\0", "").strip()
    if not MIN_PREFIX_LENGTH <= len(typed) <= MAX_PREFIX_LENGTH:
        raise InvalidInput({"prefix": f"Type at least {MIN_PREFIX_LENGTH} characters of a name or address."})
    rate_limits.consume(session, rate_limits.DONOR_SEARCHES, rate_limits.caller_key(actor))
    name, address = session.scalar(select(func.search_key(typed))), email_key(typed)
    values = {
        "event_id": event_id,
        "event_ids": list(_list_searched_events(session, actor, event_id)),
        "name": name,
        "name_end": f"{name}{_LAST_CHARACTER}",
        "address": address,
        "address_end": f"{address}{_LAST_CHARACTER}",
        "most": MAX_DONORS,
    }
    rows = session.execute(_SEARCH, values)
    return [FoundDonor(row.name, row.email, row.phone, row.last_purchase_at, row.is_of_event) for row in rows]


def _list_searched_events(session: Session, actor: Actor, event_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """Return the ids of the events whose donors are offered: in the sample gala its own only."""
    is_sample = exists().where(Order.event_id == Event.id, Order.idempotency_key == SAMPLE_IDEMPOTENCY_KEY)
    samples = set(session.scalars(select(Event.id).where(is_sample)))
    if event_id in samples:
        return [event_id]
    visible = events.select_visible(actor).with_only_columns(Event.id)
    return [each for each in session.scalars(visible) if each not in samples]


def _select_matches(column: str, bound: str) -> str:
    """Return the query for the first donors of an event in the order of `column`, which one index range answers."""
    return f"""
        (SELECT donors.* FROM donors
         WHERE donors.event_id = searched.event_id AND {column} ~>=~ :{bound} AND {column} ~<~ :{bound}_end
           AND EXISTS (SELECT FROM orders WHERE orders.donor_id = donors.id)
         ORDER BY {column} USING ~<~ LIMIT :most)"""  # noqa: S608


_SEARCH = text(f"""
    WITH people AS (
        SELECT DISTINCT ON (found.email_key) found.*, found.event_id = :event_id AS is_of_event
        FROM unnest(CAST(:event_ids AS uuid[])) AS searched(event_id) CROSS JOIN LATERAL (
            {_select_matches("name_key", "name")}
            UNION ALL {_select_matches("surname_key", "name")}
            UNION ALL {_select_matches("email_key", "address")}
        ) AS found
        ORDER BY found.email_key, is_of_event DESC, found.created_at DESC, found.id
    ), chosen AS (SELECT * FROM people ORDER BY is_of_event DESC, name_key, email_key LIMIT :most)
    SELECT chosen.name, chosen.email, chosen.phone, chosen.is_of_event, (
        SELECT max(purchases.purchased_at) FROM orders JOIN purchases ON purchases.order_id = orders.id
        WHERE orders.donor_id = chosen.id AND purchases.payment_status <> 'voided'
    ) AS last_purchase_at
    FROM chosen ORDER BY chosen.is_of_event DESC, chosen.name_key, chosen.email_key
""")  # noqa: S608
