"""Sums of purchases by package and day (table daily_sales), so that figures cost the same at any number of purchases.

Code that writes purchases calls this in the same transaction, after it locked or updated the package's row: locks are
taken in the order package, then its days. Days are those of the event's time zone (docs/decisions/0008).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.orm import Session

KEY = "event_id, package_id, day, channel, payment_status, promo_code_id"
_SUM_COLUMNS = ("purchases", "orders", "quantity", "seats", "seats_named", "list_price", "discount", "total")
COLUMNS = f"{KEY}, {', '.join(_SUM_COLUMNS)}"
ADD_ON_CONFLICT = f"ON CONFLICT ({KEY}) DO UPDATE SET " + ", ".join(
    f"{sum} = so_far.{sum} + excluded.{sum}" for sum in _SUM_COLUMNS
)

SELECT_TOTALS = f"""
    SELECT purchase.event_id, purchase.package_id,
        CAST(timezone(package.time_zone, purchase.purchased_at) AS date) AS day, purchase.channel,
        purchase.payment_status, purchase.promo_code_id, count(*) AS purchases,
        count(*) FILTER (WHERE purchase.leads_order) AS orders,
        {", ".join(f"sum(purchase.{sum}) AS {sum}" for sum in _SUM_COLUMNS[2:])}
    FROM purchases AS purchase JOIN packages AS package ON package.id = purchase.package_id
"""  # noqa: S608
_INSERT_TOTALS = f"INSERT INTO daily_sales AS so_far ({COLUMNS}) {SELECT_TOTALS}"
_GROUP_BY = "GROUP BY 1, 2, 3, 4, 5, 6"

_ADD_PURCHASES = text(f"{_INSERT_TOTALS} WHERE purchase.id = ANY(CAST(:ids AS uuid[])) {_GROUP_BY} {ADD_ON_CONFLICT}")
_ADD_BATCH = text(f"{_INSERT_TOTALS} WHERE purchase.import_batch_id = :batch_id {_GROUP_BY} {ADD_ON_CONFLICT}")
_ADD_EVENT = text(f"{_INSERT_TOTALS} WHERE purchase.event_id = :event_id {_GROUP_BY}")
_LOCK_PACKAGES = text("SELECT FROM packages WHERE event_id = :event_id ORDER BY id FOR NO KEY UPDATE")
_DELETE_TOTALS = text("DELETE FROM daily_sales WHERE event_id = :event_id")
_SUBTRACTED_SUMS = ", ".join(f"{sum} = so_far.{sum} - gone.{sum}" for sum in _SUM_COLUMNS)
_SAME_KEY = """
    so_far.event_id = gone.event_id AND so_far.package_id = gone.package_id AND so_far.day = gone.day
    AND so_far.channel = gone.channel AND so_far.payment_status = gone.payment_status
    AND so_far.promo_code_id IS NOT DISTINCT FROM gone.promo_code_id
"""
_SUBTRACT_PURCHASES = text(f"""
    UPDATE daily_sales AS so_far SET {_SUBTRACTED_SUMS}
    FROM ({SELECT_TOTALS} WHERE purchase.id = ANY(CAST(:ids AS uuid[])) {_GROUP_BY}) AS gone
    WHERE {_SAME_KEY}
""")  # noqa: S608
_READ_TOTALS = text(f"""
    SELECT CAST(coalesce(jsonb_agg(sums), '[]') AS text)
    FROM ({SELECT_TOTALS} WHERE purchase.import_batch_id = :batch_id {_GROUP_BY}) AS sums
""")  # noqa: S608
_READ_ROWS = "jsonb_populate_recordset(CAST(NULL AS daily_sales), CAST(:totals AS jsonb))"
_SUBTRACT_TOTALS = text(
    f"UPDATE daily_sales AS so_far SET {_SUBTRACTED_SUMS} FROM {_READ_ROWS} AS gone WHERE {_SAME_KEY}"  # noqa: S608
)
_ADD_TOTALS = text(
    f"INSERT INTO daily_sales AS so_far ({COLUMNS}) SELECT {COLUMNS} FROM {_READ_ROWS} {ADD_ON_CONFLICT}"  # noqa: S608
)


def add(session: Session, purchase_ids: Sequence[uuid.UUID]) -> None:
    """Add purchases that were just stored to the sums, in one statement."""
    session.execute(_ADD_PURCHASES, {"ids": list(purchase_ids)})


def add_batch(session: Session, batch_id: uuid.UUID) -> None:
    """Add the purchases of an import that was just stored to the sums."""
    session.execute(_ADD_BATCH, {"batch_id": batch_id})


@contextmanager
def updating_purchases(session: Session, purchase_ids: Sequence[uuid.UUID]) -> Iterator[None]:
    """Subtract the purchases from their sums, and add them to those they belong to after the block changed them."""
    session.execute(_SUBTRACT_PURCHASES, {"ids": purchase_ids})
    yield
    session.flush()
    add(session, purchase_ids)


def read_totals(session: Session, batch_id: uuid.UUID) -> str:
    """Return the sums of the purchases of one import as JSON, for `replace_totals`."""
    totals: str = session.scalars(_READ_TOTALS, {"batch_id": batch_id}).one()
    return totals


def replace_totals(session: Session, before: str, after: str) -> None:
    """Subtract sums that `read_totals` returned before the purchases were changed, and add those from after it."""
    session.execute(_SUBTRACT_TOTALS, {"totals": before})
    session.execute(_ADD_TOTALS, {"totals": after})


def lock_packages(session: Session, event_id: uuid.UUID) -> None:
    """Lock all packages of the event: wait for sales in progress, and block new ones until the transaction ends."""
    session.execute(_LOCK_PACKAGES, {"event_id": event_id})


def rebuild(session: Session, event_id: uuid.UUID) -> None:
    """Recompute all sums of an event, as after a change of its time zone. The caller called `lock_packages` before."""
    session.execute(_DELETE_TOTALS, {"event_id": event_id})
    session.execute(_ADD_EVENT, {"event_id": event_id})
