"""Move the payments of many purchases at once, each as `corrections.change_status` moves that of one.

Locks are taken in the same order: the orders, their lines, the packages, the daily totals, the promo codes
(docs/decisions/0028). The caller locks packages and promo codes, since it may need others beside them.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from ticketing import audit, daily_totals
from ticketing.actors import Actor
from ticketing.catalog import promo_uses
from ticketing.errors import Conflict
from ticketing.models import SOLD_STATUSES
from ticketing.sales import order_sql
from ticketing.sales.corrections import NEXT_STATUSES

_AUDIT_CHUNK_SIZE = 1000


@dataclass(frozen=True)
class LockedLines:
    """The lines of locked orders, and the packages and promo codes that they refer to."""

    purchase_ids: frozenset[uuid.UUID] = frozenset()
    package_ids: frozenset[uuid.UUID] = frozenset()
    promo_code_ids: frozenset[uuid.UUID] = frozenset()


@dataclass
class _Line:
    """A moved purchase, as the audit log needs it."""

    id: uuid.UUID
    name: str
    version: int


def find_steps(current: str, status: str) -> tuple[str, ...]:
    """Return the statuses by which a payment gets from `current` to `status`, or () when it cannot."""
    following = NEXT_STATUSES.get(current, ())
    if status in following:
        return (status,)
    return next(((each, *rest) for each in following if (rest := find_steps(each, status))), ())


_LOCK_ORDERS = text("""
    SELECT FROM orders WHERE event_id = :event_id AND id = ANY(CAST(:order_ids AS uuid[]))
    ORDER BY id FOR NO KEY UPDATE
""")
_LOCK_LINES = text("""
    SELECT id, package_id, promo_code_id FROM purchases
    WHERE event_id = :event_id AND order_id = ANY(CAST(:order_ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE
""")


def lock_orders(session: Session, event_id: uuid.UUID, order_ids: Collection[uuid.UUID]) -> LockedLines:
    """Lock orders and all of their lines until the transaction ends."""
    values = {"event_id": event_id, "order_ids": list(order_ids)}
    session.execute(_LOCK_ORDERS, values)
    lines = session.execute(_LOCK_LINES, values).all()
    return LockedLines(
        frozenset(line.id for line in lines),
        frozenset(line.package_id for line in lines),
        frozenset(line.promo_code_id for line in lines if line.promo_code_id is not None),
    )


def lock_packages(session: Session, package_ids: Iterable[uuid.UUID]) -> None:
    """Lock packages until the transaction ends."""
    session.execute(order_sql.LOCK_PACKAGES, {"package_ids": list(package_ids)})


_RETURN_PACKAGES = text("""
    UPDATE packages SET sold_count = sold_count - held.quantity, sales_version = sales_version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS int[])) AS held(id, quantity) WHERE packages.id = held.id
""")


def return_packages(session: Session, quantities: Mapping[uuid.UUID, int]) -> None:
    """Put packages back on sale, by id; those with a quantity of 0 get a new sales_version all the same."""
    session.execute(_RETURN_PACKAGES, {"ids": list(quantities), "quantities": list(quantities.values())})


_FIND_RELEASED_USES = text(f"""
    SELECT uses.promo_code_id, donors.email_key, count(*) AS uses
    FROM promo_uses AS uses JOIN donors ON donors.id = uses.donor_id
    WHERE uses.given_back_at IS NULL
      AND uses.order_id IN (SELECT order_id FROM purchases WHERE id = ANY(CAST(:ids AS uuid[])))
      AND NOT EXISTS (
        SELECT FROM purchases AS line WHERE line.order_id = uses.order_id AND line.promo_code_id IS NOT NULL
          AND line.payment_status IN {SOLD_STATUSES} AND line.id <> ALL(CAST(:ids AS uuid[]))
      )
    GROUP BY uses.promo_code_id, donors.email_key
""")  # noqa: S608


def count_released_uses(session: Session, purchase_ids: Collection[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    """Return the uses by promo code and the donor's email_key that return when these purchases no longer count."""
    rows = session.execute(_FIND_RELEASED_USES, {"ids": list(purchase_ids)}) if purchase_ids else ()
    return {(row.promo_code_id, row.email_key): row.uses for row in rows}


_READ = text("""
    SELECT line.id, line.order_id, line.package_id, line.quantity, line.purchaser_name, line.version,
        line.payment_status, orders.number
    FROM purchases AS line JOIN orders ON orders.id = line.order_id
    WHERE line.event_id = :event_id AND line.id = ANY(CAST(:ids AS uuid[]))
""")
_MOVE = text("""
    UPDATE purchases SET payment_status = incoming.status, version = version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[])) AS incoming(id, status)
    WHERE purchases.id = incoming.id
""")
_UPDATE_LEADING_LINES = text("""
    UPDATE purchases SET leads_order = placed.leads
    FROM (
        SELECT id, row_number() OVER (PARTITION BY order_id, payment_status ORDER BY line_number) = 1 AS leads
        FROM purchases WHERE order_id = ANY(CAST(:order_ids AS uuid[]))
    ) AS placed
    WHERE purchases.id = placed.id AND purchases.leads_order <> placed.leads
""")
_UPDATE_ORDERS = text("UPDATE orders SET version = version + 1 WHERE id = ANY(CAST(:order_ids AS uuid[]))")
_RELEASE_USES = text(f"""
    WITH released AS (
        UPDATE promo_uses SET given_back_at = :moment
        WHERE given_back_at IS NULL AND order_id = ANY(CAST(:order_ids AS uuid[])) AND NOT EXISTS (
            SELECT FROM purchases AS line WHERE line.order_id = promo_uses.order_id AND line.promo_code_id IS NOT NULL
              AND line.payment_status IN {SOLD_STATUSES}
        )
        RETURNING promo_code_id
    )
    SELECT promo_code_id AS id, count(*) AS uses FROM released GROUP BY promo_code_id
""")  # noqa: S608
_LIST_LINES = text("SELECT id, package_id FROM purchases WHERE order_id = ANY(CAST(:order_ids AS uuid[]))")


def change_statuses(
    session: Session, actor: Actor, event_id: uuid.UUID, statuses: Mapping[uuid.UUID, Sequence[str]]
) -> None:
    """Move payments, by purchase, through their steps (`find_steps`); failed and refunded return capacity, once.

    The orders with all of their lines, their packages and promo codes are locked, and the permission is checked. Each
    step has an audit entry. Raises Conflict when a payment cannot take its step.
    """
    for place in range(max(map(len, statuses.values()), default=0)):
        step = {purchase_id: steps[place] for purchase_id, steps in statuses.items() if place < len(steps)}
        _move(session, actor, event_id, step)


def _move(session: Session, actor: Actor, event_id: uuid.UUID, statuses: Mapping[uuid.UUID, str]) -> None:
    moved = session.execute(_READ, {"event_id": event_id, "ids": list(statuses)}).all()
    is_allowed = all(statuses[each.id] in NEXT_STATUSES.get(each.payment_status, ()) for each in moved)
    if len(moved) != len(statuses) or not is_allowed:
        raise Conflict("The status of a sale was changed meanwhile. Nothing was changed; check the file again.")
    change_ids = {each.order_id: uuid7() for each in moved}
    of_orders = {"order_ids": list(change_ids)}
    lines = session.execute(_LIST_LINES, of_orders).all()
    with daily_totals.updating_purchases(session, [line.id for line in lines]):
        session.execute(_MOVE, {"ids": list(statuses), "statuses": list(statuses.values())})
        session.execute(_UPDATE_LEADING_LINES, of_orders)
        session.execute(_UPDATE_ORDERS, of_orders)
    returned = Counter({line.package_id: 0 for line in lines})
    for each in moved:
        returned[each.package_id] += 0 if statuses[each.id] in SOLD_STATUSES else each.quantity
    return_packages(session, returned)
    uses = session.execute(_RELEASE_USES, of_orders | {"moment": datetime.now(UTC)}).all()
    promo_uses.subtract_uses(session, {row.id: row.uses for row in uses})
    for start in range(0, len(moved), _AUDIT_CHUNK_SIZE):
        entries = (
            audit.Entry(
                _Line(each.id, f"{each.purchaser_name} (order {each.number})", each.version + 1),
                [audit.Change("payment_status", each.payment_status, statuses[each.id])],
                change_ids[each.order_id],
            )
            for each in moved[start : start + _AUDIT_CHUNK_SIZE]
        )
        audit.record_all(session, actor, event_id, "purchase.status_changed", entries)
