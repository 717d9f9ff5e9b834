"""SQL statements of an order, the hottest transaction. ticketing.sales.orders holds the rules and runs them.

RESERVE_AND_STORE writes everything that belongs to an order in one round trip. Its CTEs:

    taken            takes the capacity of every line; fewer rows than lines mean that nothing is written
       |
       +--> days     adds each line to the totals of its package and day, in the event's time zone
       |
       +--> donor    inserts the donor, or updates name and phone of the known one
              |
              v
            new_order --> returns donor_id
              |
              +--> purchase     one row per line
              +--> promo_use    only with a promo code
              +--> answer       one row per answered option
              +--> ticket       one row per seat
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import text
from uuid_utils.compat import uuid7

from ticketing import daily_totals
from ticketing.access import permissions
from ticketing.models import AssignedTicket, Base, Order, Purchase
from ticketing.validation import email_key

# Reads what the actor may do, and the packages with the options they ask, without a lock. When the event has none of
# them, the only row has no package.
SELECT_PACKAGES = text(f"""
    SELECT actor.*, package.id, name, price, seats_per_package, quantity_limit, sold_count, is_enabled, is_archived,
        time_zone, version, options_version,
        (SELECT jsonb_agg(jsonb_build_object('id', id, 'label', label, 'option_type', option_type, 'choices', choices,
                    'is_required', is_required) ORDER BY display_order)
         FROM options WHERE package_id = package.id AND retired_at IS NULL) AS asked
    FROM ({permissions.ACTOR_STATUS_SQL}) AS actor
        LEFT JOIN packages AS package ON package.id = ANY(CAST(:package_ids AS uuid[])) AND package.event_id = :event_id
""")  # noqa: S608
# Locks the packages in the order of their ids, so that no two orders wait for each other in a circle. It does not read
# the options: a statement that waited for a lock would read them as they were before it.
LOCK_PACKAGES = text("""
    SELECT id, sold_count, is_archived, version, options_version FROM packages
    WHERE id = ANY(CAST(:package_ids AS uuid[]))
    ORDER BY id FOR NO KEY UPDATE
""")

_LINE_COLUMN_TYPES = {
    "id": "uuid",
    "package_id": "uuid",
    "quantity": "int",
    "unit_price": "numeric",
    "seats_per_package": "int",
    "seats": "int",
    "seats_named": "int",
    "list_price": "numeric",
    "discount": "numeric",
    "total": "numeric",
    "version": "int",
    "options_version": "int",
    "number": "int",
}
_LINE_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in _LINE_COLUMN_TYPES.items())
_PURCHASE_COLUMNS = tuple(name for name in _LINE_COLUMN_TYPES if name not in ("version", "options_version", "number"))
_TICKET_COLUMNS = ("id", "purchase_id", "seat_number", "code", "guest_name", "guest_email")

# Takes the capacity and locks the packages until the transaction ends. A line whose capacity is gone, or whose package
# or options were edited since they were read, takes nothing; reading the package again tells which.
#
# psycopg keeps the parsed form of statements of up to 4,096 characters only, so this one is kept short: its rows come
# as JSON, and line breaks are left out.
RESERVE_AND_STORE = text(
    " ".join(
        f"""
    WITH line AS (
        SELECT * FROM jsonb_to_recordset(CAST(:lines AS jsonb)) AS line({_LINE_COLUMNS})
    ), taken AS (
        UPDATE packages SET sold_count = sold_count + line.quantity, sales_version = sales_version + 1
        FROM line
        WHERE packages.id = line.package_id AND packages.version = line.version
          AND packages.options_version = line.options_version AND is_enabled AND NOT is_archived
          AND (quantity_limit IS NULL OR sold_count + line.quantity <= quantity_limit)
        RETURNING packages.id, time_zone
    ), donor AS (
        INSERT INTO donors (id, event_id, email, email_key, name, phone)
        SELECT :donor_id, :event_id, :purchaser_email, :email_key, :purchaser_name, :purchaser_phone
        WHERE (SELECT count(*) FROM taken) = :line_count
        ON CONFLICT (event_id, email_key) DO UPDATE
            SET name = excluded.name, email = excluded.email, phone = coalesce(excluded.phone, donors.phone)
        RETURNING id
    ), new_order AS (
        INSERT INTO orders (id, event_id, number, donor_id, idempotency_key, request_hash)
        SELECT :order_id, :event_id, :number, donor.id, :idempotency_key, :request_hash FROM donor
        RETURNING donor_id
    ), purchase AS (
        INSERT INTO purchases (id, event_id, order_id, line_number, leads_order, package_id, quantity, unit_price,
            seats_per_package, seats_named, list_price, discount, total, promo_code_id, payment_status, channel,
            purchaser_name, purchaser_email, purchaser_phone, notes, recorded_by, purchased_at)
        SELECT id, :event_id, :order_id, number, number = 1, package_id, quantity, unit_price, seats_per_package,
            seats_named, list_price, discount, total, :promo_code_id, :payment_status, :channel, :purchaser_name,
            :purchaser_email, :purchaser_phone, :notes, :recorded_by, :purchased_at
        FROM new_order, line
    ), days AS (
        INSERT INTO daily_sales AS so_far ({daily_totals.COLUMNS})
        SELECT :event_id, package_id, CAST(timezone(time_zone, :purchased_at) AS date), :channel, :payment_status,
            CAST(:promo_code_id AS uuid), 1, CAST(number = 1 AS int), quantity, seats, seats_named, list_price,
            discount, total
        FROM new_order, line JOIN taken ON taken.id = line.package_id
        {daily_totals.ADD_ON_CONFLICT}
    ), promo_use AS (
        INSERT INTO promo_uses (order_id, event_id, promo_code_id, donor_id, used_at)
        SELECT :order_id, :event_id, :promo_code_id, donor_id, :purchased_at
        FROM new_order WHERE CAST(:promo_code_id AS uuid) IS NOT NULL
    ), answer AS (
        INSERT INTO answers (purchase_id, event_id, option_id, value)
        SELECT purchase_id, :event_id, option_id, value
        FROM new_order,
            jsonb_to_recordset(CAST(:answers AS jsonb)) AS given(purchase_id uuid, option_id uuid, value jsonb)
    ), ticket AS (
        INSERT INTO assigned_tickets (id, event_id, purchase_id, seat_number, code, guest_name, guest_email)
        SELECT id, :event_id, purchase_id, seat_number, code, guest_name, guest_email
        FROM new_order, jsonb_to_recordset(CAST(:tickets AS jsonb)) AS seat(id uuid, purchase_id uuid,
            seat_number int, code text, guest_name text, guest_email text)
    )
    SELECT donor_id FROM new_order
""".split()  # noqa: S608
    )
)

# What an order says once, from any of its lines.
_SHARED_COLUMNS = (
    "promo_code_id", "payment_status", "channel", "purchaser_name", "purchaser_email", "purchaser_phone", "notes",
    "recorded_by", "purchased_at",
)  # fmt: skip


def build_store_parameters(
    order: Order,
    purchases: Sequence[Purchase],
    packages: Mapping[uuid.UUID, Any],
    tickets: Sequence[AssignedTicket],
    answers: Sequence[tuple[uuid.UUID, uuid.UUID, Any]],
) -> dict[str, Any]:
    """Return the parameters of RESERVE_AND_STORE from records that were built with a value for each column.

    `packages` are rows of SELECT_PACKAGES by id, `answers` are purchase id, option id and value.
    """
    versions = [packages[purchase.package_id] for purchase in purchases]
    shared = _get_values(purchases[0], _SHARED_COLUMNS)
    lines = [
        _get_values(purchase, _PURCHASE_COLUMNS)
        | {"version": package.version, "options_version": package.options_version, "number": number}
        for number, (purchase, package) in enumerate(zip(purchases, versions, strict=True), start=1)
    ]
    return shared | {
        "event_id": order.event_id,
        "order_id": order.id,
        "number": order.number,
        "idempotency_key": order.idempotency_key,
        "request_hash": order.request_hash,
        "line_count": len(purchases),
        "donor_id": uuid7(),
        "email_key": email_key(purchases[0].purchaser_email),
        "lines": _to_json(lines),
        "answers": _to_json(
            [
                {"purchase_id": purchase_id, "option_id": option_id, "value": value}
                for purchase_id, option_id, value in answers
            ]
        ),
        "tickets": _to_json([_get_values(ticket, _TICKET_COLUMNS) for ticket in tickets]),
    }


def _get_values(row: Base, columns: Iterable[str]) -> dict[str, Any]:
    values = vars(row)
    return {name: values[name] for name in columns}


def _to_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as JSON, with ids and amounts as text."""
    return to_json(rows).decode()
