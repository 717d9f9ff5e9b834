"""SQL statements of a sale, the hottest transaction. ticketing.sales.purchases holds the rules and runs them.

RESERVE_AND_STORE and STORE write everything that belongs to a purchase in one round trip. Their CTEs:

    package          takes the capacity (RESERVE_AND_STORE), or carries the time zone that
       |             RESERVE_CAPACITY returned (STORE); no row means that nothing is written
       |
       +--> days     adds the purchase to the totals of its day, in the event's time zone
       |
       +--> donor    inserts the donor, or updates name and phone of the known one
              |
              v
           purchase --> returns donor_id
              |
              +--> promo_use    only with a promo code
              +--> answer       one row per answered option
              +--> ticket       one row per seat
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import TextClause, text
from uuid_utils.compat import uuid7

from ticketing import daily_totals
from ticketing.models import AssignedTicket, Purchase
from ticketing.validation import email_key

# Reads the package and the options it asks, without a lock.
SELECT_PACKAGE = text("""
    SELECT id, name, price, seats_per_package, quantity_limit, sold_count, is_enabled, version, options_version,
        (SELECT jsonb_agg(jsonb_build_object('id', id, 'label', label, 'option_type', option_type, 'choices', choices,
                    'is_required', is_required) ORDER BY display_order)
         FROM options WHERE package_id = packages.id AND retired_at IS NULL) AS asked
    FROM packages WHERE id = :package_id AND event_id = :event_id
""")

# Takes the capacity and locks the package until the transaction ends. Returns no row when the capacity is gone, or when
# the package or its options were edited since SELECT_PACKAGE read them. Reading the package again tells which.
_RESERVE_CAPACITY = """
    UPDATE packages SET sold_count = sold_count + :quantity, sales_version = sales_version + 1
    WHERE id = :package_id AND version = :version AND options_version = :options_version AND is_enabled
      AND (quantity_limit IS NULL OR sold_count + :quantity <= quantity_limit)
    RETURNING time_zone
"""
RESERVE_CAPACITY = text(_RESERVE_CAPACITY)


def _build_store(package: str) -> TextClause:
    """Return the storing statement; the SQL of `package` returns the event's time zone, or no row to write nothing."""
    return text(f"""
    WITH package AS ({package}), donor AS (
        INSERT INTO donors (id, event_id, email, email_key, name, phone)
        SELECT :donor_id, :event_id, :purchaser_email, :email_key, :purchaser_name, :purchaser_phone FROM package
        ON CONFLICT (event_id, email_key) DO UPDATE
            SET name = excluded.name, email = excluded.email, phone = coalesce(excluded.phone, donors.phone)
        RETURNING id
    ), purchase AS (
        INSERT INTO purchases (id, event_id, package_id, donor_id, quantity, unit_price, seats_per_package, seats_named,
            list_price, discount, total, promo_code_id, payment_status, channel, purchaser_name, purchaser_email,
            purchaser_phone, notes, recorded_by, purchased_at, idempotency_key, request_hash)
        SELECT :id, :event_id, :package_id, donor.id, :quantity, :unit_price, :seats_per_package, :seats_named,
            :list_price, :discount, :total, :promo_code_id, :payment_status, :channel, :purchaser_name,
            :purchaser_email, :purchaser_phone, :notes, :recorded_by, :purchased_at, :idempotency_key, :request_hash
        FROM donor
        RETURNING id, donor_id
    ), days AS (
        INSERT INTO daily_sales AS so_far ({daily_totals.COLUMNS})
        SELECT :event_id, :package_id, CAST(timezone(package.time_zone, :purchased_at) AS date), :channel,
            :payment_status, CAST(:promo_code_id AS uuid), 1, :quantity, :seats, :seats_named, :list_price, :discount,
            :total
        FROM package
        {daily_totals.ADD_ON_CONFLICT}
    ), promo_use AS (
        INSERT INTO promo_uses (purchase_id, event_id, promo_code_id, donor_id, discount, used_at)
        SELECT id, :event_id, :promo_code_id, donor_id, :discount, :purchased_at
        FROM purchase WHERE CAST(:promo_code_id AS uuid) IS NOT NULL
    ), answer AS (
        INSERT INTO answers (purchase_id, event_id, option_id, value)
        SELECT purchase.id, :event_id, given.option_id, CAST(given.value AS jsonb)
        FROM purchase, unnest(CAST(:option_ids AS uuid[]), CAST(:answer_values AS text[])) AS given(option_id, value)
    ), ticket AS (
        INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code, guest_name, guest_email)
        SELECT seat.id, :event_id, purchase.id, seat.number, seat.code, seat.guest_name, seat.guest_email
        FROM purchase, unnest(CAST(:ticket_ids AS uuid[]), CAST(:codes AS text[]), CAST(:guest_names AS text[]),
            CAST(:guest_emails AS text[])) WITH ORDINALITY AS seat(id, code, guest_name, guest_email, number)
    )
    SELECT donor_id FROM purchase
    """)  # noqa: S608


# Without a promo code the package is locked for this one statement only: round trips under its lock limit throughput.
RESERVE_AND_STORE = _build_store(_RESERVE_CAPACITY)
# With a promo code RESERVE_CAPACITY has locked the package before, and returned its time zone.
STORE = _build_store("SELECT CAST(:time_zone AS text) AS time_zone")

_PURCHASE_COLUMNS = [
    "id", "event_id", "package_id", "quantity", "unit_price", "seats_per_package", "seats", "seats_named",
    "list_price", "discount", "total", "promo_code_id", "payment_status", "channel", "purchaser_name",
    "purchaser_email", "purchaser_phone", "notes", "recorded_by", "purchased_at", "idempotency_key", "request_hash",
]  # fmt: skip


def build_store_parameters(
    purchase: Purchase, tickets: Sequence[AssignedTicket], answers: Mapping[uuid.UUID, Any]
) -> dict[str, Any]:
    """Return the parameters that RESERVE_AND_STORE and STORE share; `answers` are values by option id."""
    return {name: getattr(purchase, name) for name in _PURCHASE_COLUMNS} | {
        "donor_id": uuid7(),
        "email_key": email_key(purchase.purchaser_email),
        "option_ids": list(answers),
        "answer_values": [json.dumps(value) for value in answers.values()],
        "ticket_ids": [ticket.id for ticket in tickets],
        "codes": [ticket.code for ticket in tickets],
        "guest_names": [ticket.guest_name for ticket in tickets],
        "guest_emails": [ticket.guest_email for ticket in tickets],
    }
