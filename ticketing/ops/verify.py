"""Recompute every number that is derived from purchases, and every seal of the audit log, for the command `verify`.

It also compares the time zone rules of Python and PostgreSQL. Each check of numbers is one statement over all events.
The database's constraints make most differences impossible; operators confirm it here, for example after a restore.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import TypeAlias

from sqlalchemy import text
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.audit import hash_chain
from ticketing.audit.hash_chain import ChainBreak
from ticketing.db import time_zones
from ticketing.db.time_zones import ZoneDifference
from ticketing.validation import email_key

Number = int | Decimal | None
Finding: TypeAlias = "Difference | ChainBreak | ZoneDifference"


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


def verify(session: Session) -> list[Finding]:
    """List differences in counts, totals, promo uses, tickets and sums of all events, breaks of the audit chain, and
    time zones of which PostgreSQL has other rules than Python.
    """
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    findings: list[Finding] = [*time_zones.list_differences(session.connection())]
    for statement in (
        _SOLD, _USES, _PROMO_USES, _AMOUNTS, _ORDER_DISCOUNTS, _ORDERS, _TICKETS, _SEATS_NAMED, _DAILY_COUNTS,
        _DAILY_AMOUNTS,
    ):  # fmt: skip
        for row in session.execute(text(statement)):
            findings.append(Difference(row.event, row.event_id, row.thing, row.stored, row.recomputed))
    return findings + _list_foreign_lines(session) + hash_chain.list_breaks(session)


def _list_foreign_lines(session: Session) -> list[Finding]:
    """List orders with lines under the address of another person than the order's donor."""
    lines = session.execute(text(_ADDRESSES)).all()
    foreign = [line for line in lines if email_key(line.purchaser_email) != line.email_key]
    return [
        Difference(
            event, event_id, f"the number of lines of order {number} with another donor's address", len(list(group)), 0
        )
        for (event, event_id, number), group in groupby(foreign, lambda line: (line.event, line.event_id, line.number))
    ]


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
        SELECT promo_code_id, count(DISTINCT order_id) AS uses FROM purchases
        WHERE promo_code_id IS NOT NULL AND payment_status IN ('completed', 'pending')
        GROUP BY promo_code_id
    ) AS used ON used.promo_code_id = promo_code.id
    WHERE promo_code.current_uses <> coalesce(used.uses, 0)
    ORDER BY event.id, promo_code.code
"""

# An order of which a completed or pending line has a code has exactly one open use, of that code and by its donor.
_PROMO_USES = """
    SELECT event.name AS event, event.id AS event_id,
        'the number of uses of ' || promo_code.code || ' by order ' || orders.number AS thing,
        coalesce(used.uses, 0) AS stored, coalesce(covered.uses, 0) AS recomputed
    FROM (
        SELECT DISTINCT order_id, promo_code_id, 1 AS uses FROM purchases
        WHERE promo_code_id IS NOT NULL AND payment_status IN ('completed', 'pending')
    ) AS covered
    FULL JOIN (
        SELECT order_id, promo_code_id, 1 AS uses FROM promo_uses WHERE given_back_at IS NULL
          AND donor_id = (SELECT donor_id FROM orders WHERE id = promo_uses.order_id)
    ) AS used ON used.order_id = covered.order_id AND used.promo_code_id = covered.promo_code_id
    JOIN orders ON orders.id = coalesce(covered.order_id, used.order_id)
    JOIN promo_codes AS promo_code ON promo_code.id = coalesce(covered.promo_code_id, used.promo_code_id)
    JOIN events AS event ON event.id = promo_code.event_id
    WHERE covered.uses IS DISTINCT FROM used.uses
    ORDER BY event.id, promo_code.code, orders.number
"""

# Imported purchases keep the amounts of their file.
_AMOUNTS = """
    SELECT event.name AS event, event.id AS event_id, amount.label || ' of purchase ' || purchase.id AS thing,
        amount.stored, amount.recomputed
    FROM purchases AS purchase
    JOIN events AS event ON event.id = purchase.event_id
    CROSS JOIN LATERAL (SELECT purchase.unit_price * purchase.quantity AS list_price) AS priced
    CROSS JOIN LATERAL (VALUES
        (1, 'the list price', purchase.list_price, priced.list_price),
        (2, 'the total', purchase.total, priced.list_price - purchase.discount)
    ) AS amount(place, label, stored, recomputed)
    WHERE purchase.channel <> 'import' AND amount.stored <> amount.recomputed
    ORDER BY event.id, purchase.id, amount.place
"""

# The discount of an order is that of its code on the sum of its covered lines, and each line has its share to the cent.
# Type and value of a used code never change; when no covered line counts, its use was given back, so the code may have
# changed since.
_ORDER_DISCOUNTS = """
    WITH lines AS (
        SELECT purchase.*, sum(list_price) OVER whole AS order_list_price, sum(discount) OVER whole AS order_discount,
            bool_or(payment_status IN ('completed', 'pending')) OVER whole AS counts
        FROM purchases AS purchase WHERE channel <> 'import'
        WINDOW whole AS (PARTITION BY order_id, promo_code_id)
    ), expected AS (
        SELECT lines.*, CASE
            WHEN channel = 'comp' THEN order_list_price
            WHEN promo_code.discount_type = 'percentage'
                THEN least(round(order_list_price * promo_code.discount_value / 100, 2), order_list_price)
            WHEN promo_code.discount_type = 'fixed_amount' THEN least(promo_code.discount_value, order_list_price)
            ELSE 0 END AS expected
        FROM lines LEFT JOIN promo_codes AS promo_code ON promo_code.id = lines.promo_code_id
        WHERE lines.promo_code_id IS NULL OR lines.counts
    )
    SELECT event.name AS event, event.id AS event_id, found.thing, found.stored, found.recomputed
    FROM (
        SELECT DISTINCT expected.event_id, 'the discount of order ' || orders.number AS thing,
            order_discount AS stored, expected AS recomputed
        FROM expected JOIN orders ON orders.id = order_id WHERE order_discount <> expected
        UNION ALL
        SELECT expected.event_id, 'the discount of purchase ' || id, discount,
            round(order_discount * list_price / order_list_price, 2)
        FROM expected
        WHERE order_list_price > 0 AND abs(discount * order_list_price - order_discount * list_price)
            >= 0.01 * order_list_price
    ) AS found JOIN events AS event ON event.id = found.event_id
    ORDER BY event.id, found.thing
"""

# Addresses that differ from the donor's key; most of them only in case.
_ADDRESSES = """
    SELECT event.name AS event, event.id AS event_id, orders.number, purchase.purchaser_email, donor.email_key
    FROM purchases AS purchase
    JOIN orders ON orders.id = purchase.order_id
    JOIN donors AS donor ON donor.id = orders.donor_id
    JOIN events AS event ON event.id = purchase.event_id
    WHERE purchase.purchaser_email <> donor.email_key
    ORDER BY event.id, orders.number
"""

# An order is counted by the first of its lines with each status.
_ORDERS = """
    SELECT event.name AS event, event.id AS event_id, found.thing || ' of order ' || orders.number AS thing,
        found.stored, found.recomputed
    FROM (
        SELECT order_id, 'the number of leading lines' AS thing, count(*) FILTER (WHERE leads_order) AS stored,
            count(DISTINCT payment_status) AS recomputed
        FROM purchases GROUP BY order_id
        UNION ALL
        SELECT order_id, 'the first ' || payment_status || ' line', min(line_number) FILTER (WHERE leads_order),
            min(line_number)
        FROM purchases GROUP BY order_id, payment_status
    ) AS found
    JOIN orders ON orders.id = found.order_id
    JOIN events AS event ON event.id = orders.event_id
    WHERE found.stored IS DISTINCT FROM found.recomputed
    ORDER BY event.id, orders.number, found.thing
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
            promo_code_id, count(*) AS purchases, count(*) FILTER (WHERE leads_order) AS orders,
            sum(quantity) AS quantity, sum(seats) AS seats,
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
    ("purchases", "purchases"),
    ("orders", "orders"),
    ("quantity", "packages"),
    ("seats", "seats"),
    ("seats_named", "named seats"),
)
_DAILY_AMOUNTS = _build_daily_query(("list_price", "list price"), ("discount", "discount"), ("total", "total"))
