"""Search over everything that a person may see: donors and their orders, guests, packages, promo codes, events.

Rules: docs/product.md, "Search". Exact codes come first, then exact addresses, beginnings, and words. Each branch of
the queries reads a few rows of one index for each event, so that the answer takes the same at any number of purchases.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.orm import Session

from ticketing.access import permissions, rate_limits
from ticketing.actors import Actor
from ticketing.catalog import events
from ticketing.errors import InvalidInput
from ticketing.formatting import remove_invisible_characters
from ticketing.models import GUEST_EMAIL_KEY, GUEST_MIDDLE_WORDS, GUEST_SURNAME_KEY, MIDDLE_WORDS, Event
from ticketing.validation import email_key

Kind = Literal["order", "guest", "package", "promo_code", "event"]
KINDS: tuple[Kind, ...] = ("order", "guest", "package", "promo_code", "event")
MIN_LENGTH, MAX_LENGTH = 2, 100
MAX_MATCHES = 20  # of each kind
EXACT_CODE, EXACT_ADDRESS, PREFIX, WORD = range(4)  # ranks
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Match:
    """A record that matches; `rank` is EXACT_CODE, EXACT_ADDRESS, PREFIX or WORD.

    `id` is that of a purchase for an order and a guest, else that of the record itself. `name` is the purchaser, the
    guest, the package, the code or the event. `detail` is the address of a person, `number` that of the order, `code`
    the ticket code of a guest, and `orders` the number of orders of the purchaser.
    """

    kind: Kind
    rank: int
    id: uuid.UUID
    name: str
    event_id: uuid.UUID
    event: str
    starts_at: datetime
    time_zone: str
    is_archived: bool
    detail: str | None = None
    number: str | None = None
    code: str | None = None
    orders: int = 0


def search(session: Session, actor: Actor, typed: str) -> dict[Kind, list[Match]]:
    """Return the matches by kind, at most MAX_MATCHES each, the kind with the best match first; no kind without any.

    Accents and case do not matter. Counts towards the actor's rate limit. Raises InvalidInput (too short or too long)
    and RateLimited.
    """
    permissions.require(session, actor, "read")
    cleaned = " ".join(remove_invisible_characters(typed).replace("\0", "").split())
    if not MIN_LENGTH <= len(cleaned) <= MAX_LENGTH:
        raise InvalidInput({"search": f"Type {MIN_LENGTH} to {MAX_LENGTH} characters."})
    rate_limits.consume(session, rate_limits.SEARCHES, rate_limits.caller_key(actor))
    values = _build_parameters(session, actor, cleaned)
    found: dict[Kind, list[Match]] = {}
    for kind, statement in _STATEMENTS.items():
        matches = [Match(kind, **row._mapping) for row in session.execute(statement, values)]
        if matches:
            found[kind] = matches
    return dict(sorted(found.items(), key=lambda item: (item[1][0].rank, KINDS.index(item[0]))))


def _build_parameters(session: Session, actor: Actor, typed: str) -> dict[str, Any]:
    key: str = session.scalars(select(func.search_key(typed))).one()
    words = key.split()
    address = email_key(typed)
    visible: Sequence[uuid.UUID] = session.scalars(events.select_visible(actor).with_only_columns(Event.id)).all()
    ends = {"key": key, "address": address, "first": words[0] if words else key, "last": words[-1] if words else key}
    return {
        "event_ids": list(visible),
        "typed": typed,
        "code": typed.replace(" ", "").replace("-", "").upper(),
        "words": words,
        "most": MAX_MATCHES,
        **ends,
        **{f"{name}_end": f"{value}{_LAST_CHARACTER}" for name, value in ends.items()},
    }


def _range(column: str, bound: str) -> str:
    """Return the condition that `column` begins with a parameter, which an index by bytes answers in its order."""
    return f"{column} ~>=~ :{bound} AND {column} ~<~ :{bound}_end"


# Every word that was typed begins a word of the name.
_HAS_WORDS = "NOT EXISTS (SELECT FROM unnest(CAST(:words AS text[])) AS word WHERE strpos(' ' || {0}, ' ' || word) = 0)"
_IN_EVENTS = "unnest(CAST(:event_ids AS uuid[])) AS searched(event_id)"
_EVENT_COLUMNS = "events.id AS event_id, events.name AS event, events.starts_at, events.time_zone, events.is_archived"
_ORDER = "rank, events.is_archived, events.starts_at DESC"


def _select_donors(column: str, bound: str, condition: str = "true", rank: int = PREFIX) -> str:
    return f"""(
        SELECT donors.id, donors.event_id, donors.name, donors.email,
            CASE WHEN email_key = :address THEN {EXACT_ADDRESS} ELSE {rank} END AS rank
        FROM donors WHERE donors.event_id = searched.event_id AND {_range(column, bound)} AND {condition}
            AND EXISTS (SELECT FROM orders WHERE orders.donor_id = donors.id)
        ORDER BY {column} USING ~<~ LIMIT :most)"""  # noqa: S608


_DONOR_WORDS = _HAS_WORDS.format("name_key")
_MIDDLE = " UNION ALL ".join(
    _select_donors(word, "first", f"{condition} AND {_DONOR_WORDS}", WORD) for word, condition in MIDDLE_WORDS
)
_ORDERS = text(f"""
    WITH exact AS (
        SELECT orders.id AS order_id FROM {_IN_EVENTS} JOIN orders ON orders.event_id = searched.event_id
            AND number = :code
        UNION SELECT order_id FROM {_IN_EVENTS} JOIN purchases ON purchases.event_id = searched.event_id
            AND external_sale_id = :typed AND payment_status <> 'voided'
        UNION SELECT order_id FROM {_IN_EVENTS} JOIN purchases ON purchases.event_id = searched.event_id
            AND external_sale_id = :typed AND payment_status = 'voided'
    ), donor AS (
        SELECT DISTINCT ON (found.id) found.* FROM {_IN_EVENTS} CROSS JOIN LATERAL (
            {_select_donors("name_key", "key")}
            UNION ALL {_select_donors("surname_key", "last", _DONOR_WORDS)}
            UNION ALL {_select_donors("surname_key", "first", _DONOR_WORDS)}
            UNION ALL {_select_donors("email_key", "address")}
            UNION ALL {_MIDDLE}
        ) AS found ORDER BY found.id, rank
    ), matching AS (
        SELECT {EXACT_CODE} AS rank, order_id, CAST(1 AS bigint) AS orders FROM exact
        UNION ALL
        SELECT rank, latest.id, latest.orders FROM (
            SELECT donor.* FROM donor JOIN events ON events.id = donor.event_id
            ORDER BY {_ORDER}, donor.name LIMIT :most
        ) AS chosen CROSS JOIN LATERAL (
            SELECT orders.id, count(*) OVER () AS orders FROM orders WHERE donor_id = chosen.id
            ORDER BY orders.id DESC LIMIT 1
        ) AS latest
    )
    SELECT rank, first_line.id, purchaser_name AS name, purchaser_email AS detail, number, matching.orders,
        {_EVENT_COLUMNS}
    FROM (SELECT order_id, min(rank) AS rank, max(orders) AS orders FROM matching GROUP BY 1) AS matching
    JOIN orders ON orders.id = matching.order_id
    JOIN purchases AS first_line ON first_line.order_id = orders.id AND line_number = 1
    JOIN events ON events.id = orders.event_id
    ORDER BY {_ORDER}, name LIMIT :most
""")  # noqa: S608


def _select_guests(
    expression: str, bound: str, condition: str = "true", column: str = "guest_name", rank: int = PREFIX
) -> str:
    return f"""(
        SELECT seat.*, CASE WHEN search_key(guest_email) = :key THEN {EXACT_ADDRESS} ELSE {rank} END AS rank
        FROM assigned_tickets AS seat
        WHERE seat.event_id = searched.event_id AND {column} IS NOT NULL AND {_range(expression, bound)}
            AND {condition}
        ORDER BY {expression} USING ~<~ LIMIT :most)"""  # noqa: S608


_GUEST_WORDS = _HAS_WORDS.format("search_text")
_GUEST_MIDDLE = " UNION ALL ".join(
    _select_guests(word, "first", f"{condition} AND {_GUEST_WORDS}", rank=WORD)
    for word, condition in GUEST_MIDDLE_WORDS
)
_GUESTS = text(f"""
    WITH seat AS (
        SELECT found.id, found.event_id, found.purchase_id, found.code, found.guest_name, found.guest_email, rank
        FROM {_IN_EVENTS} CROSS JOIN LATERAL (
            {_select_guests("search_text", "key")}
            UNION ALL {_select_guests(GUEST_SURNAME_KEY, "last", _GUEST_WORDS)}
            UNION ALL {_select_guests(GUEST_SURNAME_KEY, "first", _GUEST_WORDS)}
            UNION ALL {_select_guests(GUEST_EMAIL_KEY, "key", column="guest_email")}
            UNION ALL {_GUEST_MIDDLE}
        ) AS found
        UNION ALL
        SELECT ticket.id, ticket.event_id, purchase_id, code, guest_name, guest_email, {EXACT_CODE}
        FROM {_IN_EVENTS} JOIN assigned_tickets AS ticket ON ticket.event_id = searched.event_id AND code = :code
    )
    SELECT rank, purchases.id, coalesce(guest_name, purchaser_name) AS name, guest_email AS detail, seat.code, number,
        {_EVENT_COLUMNS}
    FROM (SELECT DISTINCT ON (id) * FROM seat ORDER BY id, rank) AS seat
    JOIN purchases ON purchases.id = seat.purchase_id
    JOIN orders ON orders.id = purchases.order_id
    JOIN events ON events.id = seat.event_id
    ORDER BY {_ORDER}, name LIMIT :most
""")  # noqa: S608


def _select_named(table: str, name: str, event_id: str, exact: str = "false") -> str:
    """Return the query for rows of a small table by the words of their name."""
    key = f"search_key({table}.{name})"
    return f"""
        SELECT CASE WHEN {exact} THEN {EXACT_CODE} WHEN starts_with({key}, :key) THEN {PREFIX} ELSE {WORD} END AS rank,
            {table}.id, {table}.{name} AS name, {_EVENT_COLUMNS}
        FROM {table} {"" if table == "events" else f"JOIN events ON events.id = {event_id}"}
        WHERE {event_id} = ANY(CAST(:event_ids AS uuid[])) AND {_HAS_WORDS.format(key)}
        ORDER BY {_ORDER}, {table}.{name}, {table}.id LIMIT :most"""  # noqa: S608


_STATEMENTS: dict[Kind, TextClause] = {
    "order": _ORDERS,
    "guest": _GUESTS,
    "package": text(_select_named("packages", "name", "packages.event_id")),
    "promo_code": text(_select_named("promo_codes", "code", "promo_codes.event_id", "promo_codes.code = :code")),
    "event": text(_select_named("events", "name", "events.id")),
}
