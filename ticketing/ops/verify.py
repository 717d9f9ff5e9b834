"""Recompute every number that is derived from purchases, and every seal of the audit log, for the command `verify`.

Each check is one statement over all events. The database's constraints make most differences impossible; operators
confirm it here, for example after a restore.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.audit import hash_chain
from ticketing.audit.hash_chain import ChainBreak

Number = int | Decimal | None


@dataclass(frozen=True)
class Difference:
    """A stored number that differs from the purchases; amounts are USD, None is a missing record."""

    event: str
    event_id: uuid.UUID
    thing: str
    stored: Number
    recomputed: Number

    def __str__(self) -> str:
        return (
            f"{self.event} ({self.event_id}): {self.thing} is {_format_number(self.stored) or 'missing'}, "
            f"but the purchases give {_format_number(self.recomputed) or 'none'}."
        )


def verify(session: Session) -> list[Difference | ChainBreak]:
    """List differences in counts, totals, promo uses, tickets and sums of all events, and breaks of the audit chain."""
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    findings: list[Difference | ChainBreak] = []
    for statement in (_SOLD, _USES, _PROMO_USES, _AMOUNTS, _TICKETS, _SEATS_NAMED, _DAILY_COUNTS, _DAILY_AMOUNTS):
        for row in session.execute(text(statement)):
            findings.append(Difference(row.event, row.event_id, row.thing, row.stored, row.recomputed))
    return findings + hash_chain.list_breaks(session)


def _format_number(number: Number) -> str | None:
    if number is None:
        return None
    return money.format_dollars(number) if isinstance(number, Decimal) else f"{number:,}"


_SOLD = """
    SELECT event.name AS event, event.id AS event_id, 'the sold count of ' || package.name AS thing,
        package.sold_count AS stored, sold.quantity AS recomputed
    FROM packages AS package
    JOIN events AS event ON event.id = package.event_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0)::bigint AS quantity FROM purchases
        WHERE package_id = package.id AND payment_status IN ('completed', 'pending')
    ) AS sold
    WHERE package.sold_count <> sold.quantity
    ORDER BY event.id, package.display_order
"""

_USES = """
    SELECT event.name AS event, event.id AS event_id, 'the use count of ' || promo_code.code AS thing,
        promo_code.current_uses AS stored, coalesce(used.uses, 0) AS recomputed
    FROM promo_codes AS promo_code
    JOIN events AS event ON event.id = promo_code.event_id
    LEFT JOIN (
        SELECT promo_code_id, count(*) AS uses FROM purchases
        WHERE promo_code_id IS NOT NULL AND payment_status IN ('completed', 'pending')
        GROUP BY promo_code_id
    ) AS used ON used.promo_code_id = promo_code.id
    WHERE promo_code.current_uses <> coalesce(used.uses, 0)
    ORDER BY event.id, promo_code.code
"""

# A completed or pending purchase with a code has exactly one use of that code, with the purchase's discount.
_PROMO_USES = """
    SELECT event.name AS event, event.id AS event_id,
        'the use of ' || promo_code.code || ' by purchase ' || coalesce(purchase.id, promo_use.purchase_id) AS thing,
        promo_use.discount AS stored, purchase.discount AS recomputed
    FROM (
        SELECT id, promo_code_id, discount FROM purchases
        WHERE promo_code_id IS NOT NULL AND payment_status IN ('completed', 'pending')
    ) AS purchase
    FULL JOIN (
        SELECT purchase_id, promo_code_id, discount FROM promo_uses WHERE given_back_at IS NULL
    ) AS promo_use ON promo_use.purchase_id = purchase.id AND promo_use.promo_code_id = purchase.promo_code_id
    JOIN promo_codes AS promo_code ON promo_code.id = coalesce(purchase.promo_code_id, promo_use.promo_code_id)
    JOIN events AS event ON event.id = promo_code.event_id
    WHERE purchase.discount IS DISTINCT FROM promo_use.discount
    ORDER BY event.id, promo_code.code, coalesce(purchase.id, promo_use.purchase_id)
"""

# Imported purchases keep the amounts of their file. Type and value of a used code never change; a voided purchase gave
# its use back, so its code may have changed since.
_AMOUNTS = """
    SELECT event.name AS event, event.id AS event_id, amount.label || ' of purchase ' || purchase.id AS thing,
        amount.stored, amount.recomputed
    FROM purchases AS purchase
    JOIN events AS event ON event.id = purchase.event_id
    LEFT JOIN promo_codes AS promo_code ON promo_code.id = purchase.promo_code_id
    CROSS JOIN LATERAL (SELECT purchase.unit_price * purchase.quantity AS list_price) AS priced
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN purchase.payment_status = 'voided' THEN purchase.discount
            WHEN purchase.channel = 'comp' THEN priced.list_price
            WHEN promo_code.discount_type = 'percentage'
                THEN least(round(priced.list_price * promo_code.discount_value / 100, 2), priced.list_price)
            WHEN promo_code.discount_type = 'fixed_amount' THEN least(promo_code.discount_value, priced.list_price)
            ELSE 0 END AS discount
    ) AS reduced
    CROSS JOIN LATERAL (VALUES
        (1, 'the list price', purchase.list_price, priced.list_price),
        (2, 'the discount', purchase.discount, reduced.discount),
        (3, 'the total', purchase.total, priced.list_price - reduced.discount)
    ) AS amount(place, label, stored, recomputed)
    WHERE purchase.channel <> 'import' AND amount.stored <> amount.recomputed
    ORDER BY event.id, purchase.id, amount.place
"""

_TICKETS = """
    SELECT event.name AS event, event.id AS event_id, 'the number of tickets of purchase ' || purchase.id AS thing,
        issued.tickets AS stored, purchase.quantity * purchase.seats_per_package AS recomputed
    FROM purchases AS purchase
    JOIN events AS event ON event.id = purchase.event_id
    CROSS JOIN LATERAL (SELECT count(*) AS tickets FROM assigned_tickets WHERE purchase_id = purchase.id) AS issued
    WHERE issued.tickets <> purchase.quantity * purchase.seats_per_package
    ORDER BY event.id, purchase.id
"""

_SEATS_NAMED = """
    SELECT event.name AS event, event.id AS event_id, 'the number of named seats of purchase ' || purchase.id AS thing,
        purchase.seats_named AS stored, coalesce(named.seats, 0) AS recomputed
    FROM purchases AS purchase
    JOIN events AS event ON event.id = purchase.event_id
    LEFT JOIN (
        SELECT purchase_id, count(*) AS seats FROM assigned_tickets WHERE guest_name IS NOT NULL GROUP BY purchase_id
    ) AS named ON named.purchase_id = purchase.id
    WHERE purchase.seats_named <> coalesce(named.seats, 0)
    ORDER BY event.id, purchase.id
"""


def _build_daily_query(*sums: tuple[str, str]) -> str:
    """Return the query that compares stored daily sums with a recount; `sums` are pairs of column and label.

    A missing row equals a row of zeros, which a void can leave. When the number of purchases differs, only that is
    reported, since the other sums differ with it.
    """
    columns = ", ".join(
        f"({place}, '{label}', stored.{column}, recounted.{column})" for place, (column, label) in enumerate(sums)
    )
    return f"""
    SELECT event.name AS event, event.id AS event_id,
        'the daily ' || sums.label || ' of ' || package.name || ' on ' || coalesce(stored.day, recounted.day) || ' ('
            || concat_ws(', ', coalesce(stored.channel, recounted.channel),
                coalesce(stored.payment_status, recounted.payment_status), promo_code.code) || ')' AS thing,
        sums.stored, sums.recomputed
    FROM daily_sales AS stored
    FULL JOIN (
        SELECT package_id, CAST(timezone(event.time_zone, purchased_at) AS date) AS day, channel, payment_status,
            promo_code_id, count(*) AS purchases, sum(quantity) AS quantity, sum(seats) AS seats,
            sum(seats_named) AS seats_named, sum(list_price) AS list_price, sum(discount) AS discount,
            sum(total) AS total
        FROM purchases JOIN events AS event ON event.id = purchases.event_id
        GROUP BY 1, 2, 3, 4, 5
    ) AS recounted ON recounted.package_id = stored.package_id AND recounted.day = stored.day
        AND recounted.channel = stored.channel AND recounted.payment_status = stored.payment_status
        AND coalesce(recounted.promo_code_id::text, '') = coalesce(stored.promo_code_id::text, '')
    JOIN packages AS package ON package.id = coalesce(stored.package_id, recounted.package_id)
    JOIN events AS event ON event.id = package.event_id
    LEFT JOIN promo_codes AS promo_code ON promo_code.id = coalesce(stored.promo_code_id, recounted.promo_code_id)
    CROSS JOIN LATERAL (VALUES {columns}) AS sums(place, label, stored, recomputed)
    WHERE coalesce(sums.stored, 0) <> coalesce(sums.recomputed, 0)
      AND (sums.label = 'purchases' OR coalesce(stored.purchases, 0) = coalesce(recounted.purchases, 0))
    ORDER BY event.id, package.display_order, coalesce(stored.day, recounted.day), thing, sums.place
"""  # noqa: S608


_DAILY_COUNTS = _build_daily_query(
    ("purchases", "purchases"), ("quantity", "packages"), ("seats", "seats"), ("seats_named", "named seats")
)
_DAILY_AMOUNTS = _build_daily_query(("list_price", "list price"), ("discount", "discount"), ("total", "total"))
