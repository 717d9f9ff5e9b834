"""Store the sales of an import in chunks, with a few bulk statements for each.

The caller has checked the sales and locked the packages and promo codes that they refer to, so no limit can be exceeded
here.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import uuid_utils
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ticketing import daily_totals, db, money
from ticketing.imports.bulk_copy import NULL, copy_rows, dump_texts, escape, select_texts
from ticketing.imports.donors import IncomingDonor
from ticketing.imports.donors import store as store_donors
from ticketing.imports.rows import Sale
from ticketing.models import ImportBatch
from ticketing.sales import ticket_codes
from ticketing.validation import email_key

# Each chunk is a subtransaction: PostgreSQL keeps 64 of them at hand, and a file has at most 50 chunks.
CHUNK_SIZE = 1000
_MAX_DRAWS = 3


def prepare_long_transaction(session: Session) -> None:
    """Raise the timeouts until the transaction ends, and discard the connection's cached query plans.

    Plans that were made while the tables were small scan a whole table for each foreign key check: with them an import
    of 20,000 rows took eleven times as long.
    """
    session.execute(
        text("SELECT set_config('statement_timeout', '10min', true), set_config('lock_timeout', '60s', true)")
    )
    session.execute(text("DISCARD PLANS"))


def lock_imports(session: Session, event_id: uuid.UUID) -> None:
    """Let one transaction at a time import into an event or undo an import, until it ends.

    So no two imports store the same external_sale_id.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"import into {event_id}"))))


def store_batch(
    session: Session, batch: ImportBatch, sales: Sequence[Sale], progress: Callable[[int, int], None]
) -> None:
    """Store one batch: its orders with a line for each sale, tickets, guests and promo uses, and the counts.

    What the sales add up to is set here. `progress` is called with the number of sales stored and of all sales after
    each chunk.
    """
    lines = _assign_orders(sales)
    batch.rows_imported, batch.orders = len(sales), len({line.order_id for line in lines})
    batch.revenue = sum((sale.total for sale in sales if sale.payment_status == "completed"), money.ZERO)
    session.add(batch)
    session.flush()
    event_id = batch.event_id
    uses = {line.order_id: line for line in lines if line.sale.promo_code is not None and line.sale.counts}
    donors = _store_donors(session, event_id, lines)
    _store_orders(session, event_id, donors, lines)
    _store_promo_uses(session, event_id, donors, uses)
    for start in range(0, len(lines), CHUNK_SIZE):
        chunk = lines[start : start + CHUNK_SIZE]
        _store_purchases(session, batch, chunk)
        _store_tickets(session, event_id, chunk)
        progress(start + len(chunk), len(lines))
    daily_totals.add_batch(session, batch.id)
    _increment_counts(session, sales, uses.values())


@dataclass(frozen=True, slots=True)
class _Line:
    """A sale as a line of an order, with the ids that it is stored under."""

    sale: Sale
    order_id: str
    number: int
    leads_order: bool
    email_key: str
    id: str


def _new_id() -> str:
    """Return an id as text, for COPY."""
    return str(uuid_utils.uuid7())


def _assign_orders(sales: Iterable[Sale]) -> list[_Line]:
    """Return a line for each sale; those of one order number share an order, the others have one of their own."""
    order_ids: defaultdict[str | None, str] = defaultdict(_new_id)
    lines_so_far: Counter[str] = Counter()
    statuses: set[tuple[str, str]] = set()
    lines = []
    for sale in sales:
        order_id = _new_id() if sale.order_number is None else order_ids[sale.order_number]
        lines_so_far[order_id] += 1
        leads_order = (order_id, sale.payment_status) not in statuses
        statuses.add((order_id, sale.payment_status))
        key = email_key(sale.purchaser_email)
        lines.append(_Line(sale, order_id, lines_so_far[order_id], leads_order, key, _new_id()))
    return lines


def _store_orders(session: Session, event_id: uuid.UUID, donors: dict[str, uuid.UUID], lines: Iterable[_Line]) -> None:
    orders = {line.order_id: donors[line.email_key] for line in lines}
    numbers = _generate_order_numbers(session, event_id, len(orders))
    event = str(event_id)
    rows = (
        (order_id, event, number, str(donor_id))
        for (order_id, donor_id), number in zip(orders.items(), numbers, strict=True)
    )
    copy_rows(session, "orders", ("id", "event_id", "number", "donor_id"), rows)


def _store_donors(session: Session, event_id: uuid.UUID, lines: Iterable[_Line]) -> dict[str, uuid.UUID]:
    """Return donor ids by email_key. A new donor gets the name and address of the last row and the first phone."""
    donors: dict[str, IncomingDonor] = {}
    for line in lines:
        sale, before = line.sale, donors.get(line.email_key)
        phone = (before.phone if before is not None else None) or sale.purchaser_phone
        donors[line.email_key] = IncomingDonor(sale.purchaser_email, sale.purchaser_name, phone)
    return store_donors(session, event_id, donors)


_PURCHASE_COLUMNS = (
    "id", "event_id", "order_id", "line_number", "leads_order", "package_id", "quantity", "unit_price",
    "seats_per_package", "seats_named", "list_price", "discount", "fee", "total", "promo_code_id", "payment_status",
    "channel", "purchaser_name", "purchaser_email", "purchaser_phone", "notes", "external_sale_id", "import_batch_id",
    "imported_email_key", "imported_status", "recorded_by", "purchased_at",
)  # fmt: skip


def _store_purchases(session: Session, batch: ImportBatch, chunk: Iterable[_Line]) -> None:
    event, batch_id = str(batch.event_id), str(batch.id)
    recorded_by = NULL if batch.staff_id is None else str(batch.staff_id)
    rows = (
        (
            line.id, event, line.order_id, str(line.number), str(line.leads_order), str(package.id),
            str(sale.quantity), str(package.price), str(package.seats_per_package), str(len(sale.guests)),
            str(package.price * sale.quantity), str(sale.discount), NULL if sale.fee is None else str(sale.fee),
            str(sale.total), NULL if sale.promo_code is None else str(sale.promo_code.id), sale.payment_status,
            "import", escape(sale.purchaser_name), escape(sale.purchaser_email), escape(sale.purchaser_phone),
            escape(sale.notes), escape(sale.external_sale_id), batch_id, escape(line.email_key), sale.payment_status,
            recorded_by, sale.purchased_at.isoformat(),
        )
        for line in chunk
        for sale, package in ((line.sale, line.sale.package),)
    )  # fmt: skip
    copy_rows(session, "purchases", _PURCHASE_COLUMNS, rows)


def _store_tickets(session: Session, event_id: uuid.UUID, chunk: Iterable[_Line]) -> None:
    """Store a ticket for each seat. PostgreSQL finds codes that are in use already; then all are drawn again."""
    event = str(event_id)
    tickets = [
        (line.id, str(seat), *map(escape, line.sale.guests.get(seat, (None, None))))
        for line in chunk
        for seat in range(1, line.sale.quantity * line.sale.package.seats_per_package + 1)
    ]
    columns = ("purchase_id", "seat_number", "guest_name", "guest_email", "id", "event_id", "code")
    for attempt in range(1, _MAX_DRAWS + 1):
        codes = ticket_codes.new_ticket_codes(len(tickets))
        rows = ((*ticket, _new_id(), event, code) for ticket, code in zip(tickets, codes, strict=True))
        try:
            with session.begin_nested():
                copy_rows(session, "assigned_tickets", columns, rows)
            return
        except IntegrityError as exc:
            if db.constraint_name(exc) != "uq_assigned_tickets_event_id_code" or attempt == _MAX_DRAWS:
                raise


_ORDER_NUMBERS_IN_USE = text(f"""
    SELECT number FROM orders WHERE event_id = :event_id AND number IN {select_texts("numbers")}
""")  # noqa: S608


def _generate_order_numbers(session: Session, event_id: uuid.UUID, count: int) -> set[str]:
    """Return this many order numbers that the event does not have: of so few letters, some often are in use."""
    numbers: set[str] = set()
    while len(numbers) < count:
        drawn = set(ticket_codes.new_order_numbers(count - len(numbers)))
        in_use = session.scalars(_ORDER_NUMBERS_IN_USE, {"event_id": event_id, "numbers": dump_texts(drawn)})
        numbers |= drawn.difference(in_use)
    return numbers


def _store_promo_uses(
    session: Session, event_id: uuid.UUID, donors: dict[str, uuid.UUID], uses: Mapping[str, _Line]
) -> None:
    """Store one use for each order; `uses` are lines of counting sales with a promo code by order id."""
    event = str(event_id)
    rows = (
        (
            order_id, event, str(line.sale.promo_code.id), str(donors[line.email_key]),
            line.sale.purchased_at.isoformat(),
        )
        for order_id, line in uses.items()
        if line.sale.promo_code is not None
    )  # fmt: skip
    copy_rows(session, "promo_uses", ("order_id", "event_id", "promo_code_id", "donor_id", "used_at"), rows)


_ADD_SOLD_COUNTS = text("""
    UPDATE packages SET sold_count = sold_count + taken.quantity, sales_version = sales_version + 1
    FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS int[])) AS taken(id, quantity)
    WHERE packages.id = taken.id AND (quantity_limit IS NULL OR sold_count + taken.quantity <= quantity_limit)
""")
_ADD_PROMO_USES = text("""
    UPDATE promo_codes SET current_uses = current_uses + taken.uses
    FROM unnest(CAST(:ids AS uuid[]), CAST(:uses AS int[])) AS taken(id, uses)
    WHERE promo_codes.id = taken.id AND (max_total_uses IS NULL OR current_uses + taken.uses <= max_total_uses)
""")


def _increment_counts(session: Session, sales: Iterable[Sale], uses: Iterable[_Line]) -> None:
    """Add to the sold counts and uses. A package with only failed sales gets a new sales_version all the same."""
    sold: Counter[uuid.UUID] = Counter()
    for sale in sales:
        sold[sale.package.id] += sale.quantity if sale.counts else 0
    used = Counter(line.sale.promo_code.id for line in uses if line.sale.promo_code is not None)
    results = [
        session.execute(_ADD_SOLD_COUNTS, {"ids": list(sold), "quantities": list(sold.values())}),
        session.execute(_ADD_PROMO_USES, {"ids": list(used), "uses": list(used.values())}),
    ]
    if [cast(Any, result).rowcount for result in results] != [len(sold), len(used)]:
        raise AssertionError("a limit was exceeded although its row was locked")
