"""List imports, and undo one: void all of its purchases, return their capacity and promo uses, free their ids.

Source of every rule: docs/product.md, "Undoing an import". Locks are taken as in `ticketing.sales.corrections`: the
orders, the purchases, the packages, their days, the promo codes. Whatever takes time is done before the packages are
locked, so that sales of the same packages hardly wait.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from ticketing import audit, daily_totals
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import promo_uses
from ticketing.errors import Conflict, NotFound
from ticketing.formatting import format_count
from ticketing.imports import store
from ticketing.models import SOLD_STATUSES, Event, ImportBatch
from ticketing.sales import status_changes
from ticketing.sales.corrections import VoidDraft
from ticketing.validation import validate

PER_PAGE = 20
MAX_LISTED_CHANGES = 100


@dataclass(frozen=True)
class ChangedPurchase:
    """A purchase that was changed since it was imported, or whose order was; `changed_by` made the last change."""

    id: uuid.UUID
    order_number: str
    package: str
    quantity: int
    purchaser_name: str
    payment_status: str
    changed_by: str | None
    changed_at: datetime | None


@dataclass(frozen=True)
class UndoPreview:
    """What an undo would do now.

    `purchases` are those that become voided. `packages`, `promo_uses` and `revenue` (USD) are what goes back.
    `changed` are the first MAX_LISTED_CHANGES of the `changed_count` purchases that were changed since the import, and
    `changes_token` stands for all of them as they are now; it is "" when there are none.
    """

    batch: ImportBatch
    purchases: int
    orders: int
    packages: int
    promo_uses: int
    revenue: Decimal
    changed_count: int
    changed: tuple[ChangedPurchase, ...]
    changes_token: str


class ChangedSinceImport(Conflict):
    """Purchases were changed since the import, and the caller has not confirmed them as they are now."""

    code = "changed_since_import"

    def __init__(self, preview: UndoPreview) -> None:
        self.preview = preview
        were = format_count(preview.changed_count, "purchase of this import was", "purchases of this import were")
        super().__init__(f"{were} changed after it. Nothing was undone; confirm that the changes are voided as well.")


def list_batches(
    session: Session, actor: Actor, event_id: uuid.UUID, *, page: int = 1, per_page: int = PER_PAGE
) -> tuple[list[ImportBatch], int]:
    """Return one page of the imports into this event, the latest first, and the number of all.

    Raises NotFound when the actor may not see the event.
    """
    permissions.require(session, actor, "read", event_id)
    of_event = select(ImportBatch).where(ImportBatch.event_id == event_id)
    total = session.scalar(select(func.count()).select_from(of_event.subquery())) or 0
    latest_first = of_event.order_by(ImportBatch.created_at.desc(), ImportBatch.id.desc())
    return list(session.scalars(latest_first.limit(per_page).offset((page - 1) * per_page))), total


def preview_undo(session: Session, actor: Actor, event_id: uuid.UUID, batch_id: uuid.UUID) -> UndoPreview:
    """Return what an undo of this import would do now, and change nothing.

    Raises NotFound, NotAllowed, and Conflict when the import is undone already.
    """
    permissions.require(session, actor, "change", event_id)
    return _read_preview(session, _get_batch(session, event_id, batch_id))


def undo(
    session: Session, actor: Actor, event_id: uuid.UUID, batch_id: uuid.UUID, reason: str, *, confirmed: str = ""
) -> UndoPreview:
    """Void every purchase of an import that is not voided yet, and return what went back. There is no way back.

    `confirmed` is the `changes_token` of the preview that the person saw. Raises what `preview_undo` raises,
    InvalidInput (no reason), ChangedSinceImport when purchases were changed that are not confirmed, and Conflict when
    the event's time zone changes meanwhile. An actor who loses access meanwhile undoes nothing.
    """
    permissions.require(session, actor, "change", event_id)
    reason = validate(VoidDraft, {"reason": reason}).reason
    store.prepare_long_transaction(session)
    store.lock_imports(session, event_id)
    batch = _get_batch(session, event_id, batch_id, for_update=True)
    ids = {"batch_id": batch_id}
    session.execute(_LOCK_ORDERS, ids)
    session.execute(_LOCK_PURCHASES, ids)
    preview = _read_preview(session, batch)
    if preview.changes_token != confirmed and preview.changed_count:
        raise ChangedSinceImport(preview)
    time_zone = _get_time_zone(session, event_id)
    held = session.execute(_COUNT_HELD, ids).all()
    before = daily_totals.read_totals(session, batch_id)
    moment = datetime.now(UTC)
    session.execute(_UPDATE_ORDERS, ids)
    session.execute(_VOID_PURCHASES, ids | {"moment": moment, "reason": reason})
    after = daily_totals.read_totals(session, batch_id)
    uses = session.execute(_RELEASE_USES, ids | {"moment": moment}).all()
    batch.undone_at, batch.undone_by, batch.undo_reason = moment, actor.name, reason
    permissions.require_still(session, actor, "change", event_id, until_commit=True)
    status_changes.lock_packages(session, [row.package_id for row in held])
    status_changes.return_packages(session, {row.package_id: row.quantity for row in held})
    if _get_time_zone(session, event_id) != time_zone:
        raise Conflict("The event's time zone was changed meanwhile. Nothing was undone; try again.")
    daily_totals.replace_totals(session, before, after)
    promo_uses.subtract_uses(session, {row.id: row.uses for row in uses})
    voided = audit.Change("purchases_voided", None, preview.purchases)
    # After the packages, as everywhere: the entry's foreign key locks the event.
    audit.record(session, actor, event_id, "import.undone", batch, [voided, audit.Change("undo_reason", None, reason)])
    return preview


def _get_batch(session: Session, event_id: uuid.UUID, batch_id: uuid.UUID, *, for_update: bool = False) -> ImportBatch:
    query = select(ImportBatch).where(ImportBatch.event_id == event_id, ImportBatch.id == batch_id)
    if for_update:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    batch = session.scalars(query).one_or_none()
    if batch is None:
        raise NotFound("import")
    if batch.undone_at is not None:
        raise Conflict(f"This import was undone by {batch.undone_by} already. Import the file again if it is needed.")
    return batch


def _get_time_zone(session: Session, event_id: uuid.UUID) -> str:
    return session.scalars(select(Event.time_zone).where(Event.id == event_id)).one()


_SOLD = f"purchase.payment_status IN {SOLD_STATUSES}"
_COUNT_SALES = text(f"""
    SELECT count(*) AS purchases, count(DISTINCT purchase.order_id) AS orders,
        coalesce(sum(purchase.quantity) FILTER (WHERE {_SOLD}), 0) AS packages,
        coalesce(sum(purchase.total) FILTER (WHERE purchase.payment_status = 'completed'), 0) AS revenue,
        (SELECT count(*) FROM promo_uses WHERE given_back_at IS NULL AND order_id IN (
            SELECT order_id FROM purchases WHERE import_batch_id = :batch_id AND promo_code_id IS NOT NULL
        )) AS promo_uses
    FROM purchases AS purchase
    WHERE purchase.import_batch_id = :batch_id AND purchase.payment_status <> 'voided'
""")  # noqa: S608
_CHANGED = """
    FROM purchases AS purchase JOIN orders ON orders.id = purchase.order_id
    WHERE purchase.import_batch_id = :batch_id AND purchase.payment_status <> 'voided'
      AND (purchase.version > 1 OR orders.version > 1)
"""
_IDENTIFY_CHANGES = text(f"""
    SELECT count(*) AS changed_count, coalesce(md5(string_agg(
        concat_ws(' ', purchase.id, purchase.version, orders.version), ',' ORDER BY purchase.id)), '') AS changes_token
    {_CHANGED}
""")
_LIST_CHANGES = text(f"""
    SELECT changed.*, packages.name AS package, latest.actor AS changed_by, latest.occurred_at AS changed_at
    FROM (
        SELECT purchase.id, purchase.order_id, purchase.package_id, orders.number AS order_number, purchase.quantity,
            purchase.purchaser_name, purchase.payment_status
        {_CHANGED} ORDER BY purchase.id LIMIT :max_listed
    ) AS changed
    JOIN packages ON packages.id = changed.package_id
    LEFT JOIN LATERAL (
        SELECT actor, occurred_at FROM audit_log WHERE subject_id IN (changed.id, changed.order_id)
        ORDER BY id DESC LIMIT 1
    ) AS latest ON true
    ORDER BY changed.id
""")  # noqa: S608


def _read_preview(session: Session, batch: ImportBatch) -> UndoPreview:
    ids = {"batch_id": batch.id}
    counts = session.execute(_COUNT_SALES, ids).one()
    changes = session.execute(_IDENTIFY_CHANGES, ids).one()
    rows = session.execute(_LIST_CHANGES, ids | {"max_listed": MAX_LISTED_CHANGES}) if changes.changed_count else ()
    fields = ChangedPurchase.__dataclass_fields__
    return UndoPreview(
        batch=batch,
        **counts._mapping,
        **changes._mapping,
        changed=tuple(ChangedPurchase(**{name: getattr(row, name) for name in fields}) for row in rows),
    )


_LOCK_ORDERS = text("""
    SELECT FROM orders WHERE id IN (SELECT order_id FROM purchases WHERE import_batch_id = :batch_id)
    ORDER BY id FOR NO KEY UPDATE
""")
_LOCK_PURCHASES = text("SELECT FROM purchases WHERE import_batch_id = :batch_id ORDER BY id FOR NO KEY UPDATE")
_COUNT_HELD = text(f"""
    SELECT purchase.package_id, coalesce(sum(purchase.quantity) FILTER (WHERE {_SOLD}), 0) AS quantity
    FROM purchases AS purchase WHERE purchase.import_batch_id = :batch_id GROUP BY purchase.package_id
""")  # noqa: S608
_UPDATE_ORDERS = text("""
    UPDATE orders SET version = version + 1 WHERE id IN (
        SELECT order_id FROM purchases WHERE import_batch_id = :batch_id AND payment_status <> 'voided'
    )
""")
# Afterwards all lines of an order have the same status, so the first one leads it.
_VOID_PURCHASES = text("""
    UPDATE purchases SET leads_order = line_number = 1, payment_status = 'voided',
        voided_at = coalesce(voided_at, :moment), void_reason = coalesce(void_reason, :reason),
        version = version + CASE payment_status WHEN 'voided' THEN 0 ELSE 1 END
    WHERE import_batch_id = :batch_id AND (payment_status <> 'voided' OR leads_order <> (line_number = 1))
""")
_RELEASE_USES = text("""
    WITH released AS (
        UPDATE promo_uses SET given_back_at = :moment
        WHERE given_back_at IS NULL AND order_id IN (
            SELECT order_id FROM purchases WHERE import_batch_id = :batch_id AND promo_code_id IS NOT NULL
        )
        RETURNING promo_code_id
    )
    SELECT promo_code_id AS id, count(*) AS uses FROM released GROUP BY promo_code_id
""")
