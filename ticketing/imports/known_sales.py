"""Compare rows whose number is in the event already with what the seller's last file said of that sale.

The same number is the same sale when buyer, package and total are the same. It is never compared with what staff
corrected since. Source of every rule: docs/product.md, "Import"; why: docs/decisions/0030.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from ticketing import money
from ticketing.imports.bulk_copy import dump_texts, select_texts
from ticketing.imports.comparison import Comparison, Returned, StatusChange
from ticketing.imports.options import PREFIX_END
from ticketing.imports.orders import MAX_ID_LENGTH
from ticketing.imports.rows import ExistingData, Record
from ticketing.imports.stored_ids import IS_LINE_OF_ORDER, ORDER_OF_LINE
from ticketing.models import SOLD_STATUSES
from ticketing.sales import status_changes
from ticketing.validation import email_key, name_key

_LIST_IDS = text(f"""
    SELECT external_sale_id, package_id FROM purchases
    WHERE event_id = :event_id AND payment_status <> 'voided' AND external_sale_id IN {select_texts("numbers")}
    UNION ALL
    SELECT purchase.external_sale_id, purchase.package_id
    FROM import_batches AS batch JOIN purchases AS purchase ON purchase.import_batch_id = batch.id
    WHERE batch.event_id = :event_id AND batch.undone_at IS NULL AND purchase.payment_status <> 'voided'
      AND {IS_LINE_OF_ORDER} AND {ORDER_OF_LINE} IN {select_texts("numbers")}
""")  # noqa: S608
_LIST_STORED = text(f"""
    SELECT purchase.id, purchase.order_id, purchase.external_sale_id, purchase.package_id, package.name AS package,
        purchase.quantity, purchase.total, purchase.imported_email_key, purchase.imported_status,
        purchase.payment_status, batch.file_name, batch.header_hash,
        CASE WHEN {IS_LINE_OF_ORDER} THEN {ORDER_OF_LINE} ELSE purchase.external_sale_id END AS number
    FROM purchases AS purchase
    JOIN packages AS package ON package.id = purchase.package_id
    JOIN import_batches AS batch ON batch.id = purchase.import_batch_id
    WHERE purchase.event_id = :event_id AND purchase.payment_status <> 'voided'
      AND purchase.external_sale_id IN {select_texts("ids")}
    ORDER BY number, purchase.external_sale_id
""")  # noqa: S608
_STORE_STATUSES = text("""
    UPDATE purchases SET imported_status = incoming.status
    FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[])) AS incoming(id, status)
    WHERE purchases.id = incoming.id
""")

_TAKE_OVER = "If the file is right, void the sale here and import it with the voided sales."


def add_prefix(records: Iterable[Record], prefix: str) -> None:
    """Put a seller's prefix before the number of each row; without a prefix nothing changes."""
    longest = MAX_ID_LENGTH - len(prefix) - len(PREFIX_END)
    for record in records if prefix else ():
        number = record.values.get("external_sale_id")
        if number is not None and len(number) > longest:
            del record.values["external_sale_id"]
            record.problems["external_sale_id"] = f"Use at most {longest} characters with this prefix."
        elif number is not None:
            record.values["external_sale_id"] = build_id(prefix, number)


def build_id(prefix: str, number: str) -> str:
    """Return the id under which a sale with a seller's number is stored."""
    return f"{prefix}{PREFIX_END}{number}" if prefix else number


def list_stored_ids(session: Session, event_id: uuid.UUID, numbers: Collection[str]) -> dict[str, uuid.UUID]:
    """Return the package by external id of each stored sale with one of these numbers, and of all lines of orders."""
    rows = session.execute(_LIST_IDS, {"event_id": event_id, "numbers": dump_texts(numbers)})
    return {row.external_sale_id: row.package_id for row in rows}


def compare(
    session: Session, event_id: uuid.UUID, records: Sequence[Record], existing: ExistingData, header_hash: bytes
) -> Comparison:
    """Compare the sales of a file with those that are stored under the same order numbers.

    One query reads the stored sales, order by order; only what differs is kept. A further line of an order that is here
    already is a new sale if the file has the other lines of that order, too.
    """
    if not existing.external_sale_ids:
        return Comparison()
    rows = session.execute(
        _LIST_STORED,
        {"event_id": event_id, "ids": dump_texts(existing.external_sale_ids)},
        execution_options={"yield_per": 1000},
    )
    comparer = _Comparer(records, existing, header_hash)
    for number, lines in groupby(rows, lambda row: row.number):
        comparer.compare_order(number, list(lines))
    return comparer.result


def count_returned(session: Session, changes: Iterable[StatusChange]) -> Returned:
    """Return what these changes give back before new sales are stored."""
    ending = [change for change in changes if change.status not in SOLD_STATUSES]
    packages: Counter[uuid.UUID] = Counter()
    for change in ending:
        packages[change.package_id] += change.packages
    uses = status_changes.count_released_uses(session, [change.purchase_id for change in ending])
    return Returned(packages, uses)


def store_statuses(session: Session, changes: Collection[StatusChange]) -> None:
    """Store the statuses that the file brought, with which the next one is compared."""
    values = {"ids": [each.purchase_id for each in changes], "statuses": [each.status for each in changes]}
    session.execute(_STORE_STATUSES, values)


@dataclass(frozen=True, eq=False)
class _Pair:
    """A stored sale and the row of the file with its number."""

    stored: Row[Any]
    record: Record


class _Comparer:
    """Compares the records of a file, order by order, with stored sales."""

    def __init__(self, records: Sequence[Record], existing: ExistingData, header_hash: bytes) -> None:
        self.result = Comparison()
        self._existing = existing
        self._header_hash = header_hash
        self._known: dict[str, Record] = {}
        self._further: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            external_id = record.values.get("external_sale_id")
            if external_id is None or record.exclusion is not None:
                continue
            if external_id in existing.external_sale_ids:
                self._known.setdefault(external_id, record)
            else:
                self._further[record.values.get("order_number", external_id)].append(record)

    def compare_order(self, number: str, lines: Sequence[Row[Any]]) -> None:
        """Compare the stored lines of one order with the rows of the file that have its number."""
        known = self._known
        pairs = [_Pair(each, known[each.external_sale_id]) for each in lines if each.external_sale_id in known]
        further = self._further.get(number, [])
        missing = [each for each in lines if each.external_sale_id not in known]
        has_same_sum = not further and not missing and _have_same_sum(pairs, lines)
        others = [pair for pair in pairs if self._is_other_sale(pair, lines, pairs, has_same_sum)]
        for pair in pairs:
            if pair in others:
                self._add_other_sale(pair.record, pair.stored)
            else:
                self._compare_status(pair)
        packages_here = {pair.stored.package_id for pair in pairs}
        gone = [line for line in missing if line.package_id not in packages_here]
        for record in further:
            foreign = [line for line in lines if _has_other_buyer(record, line)]
            for line in [*foreign, *gone, *(pair.stored for pair in others)][:1]:
                self._add_other_sale(record, line)

    def _is_other_sale(
        self, pair: _Pair, lines: Sequence[Row[Any]], pairs: Sequence[_Pair], has_same_sum: bool
    ) -> bool:
        values = pair.record.values
        package = self._existing.packages.get(name_key(values.get("ticket_type", "")))
        if _has_other_buyer(pair.record, pair.stored) or (package and package.id != pair.stored.package_id):
            return True
        if has_same_sum or values.get("total_amount", pair.stored.total) == pair.stored.total:
            return False
        # Seats that were refunded or canceled since are other lines of the same package.
        package_id = pair.stored.package_id
        return not _have_same_sum(
            [each for each in pairs if each.stored.package_id == package_id],
            [each for each in lines if each.package_id == package_id],
        )

    def _add_other_sale(self, record: Record, stored: Row[Any]) -> None:
        sale = f"{stored.package} to {stored.imported_email_key} for {money.format_dollars(stored.total)}"
        here = f"{stored.number} is here already: {sale}, from {stored.file_name}."
        if _has_other_buyer(record, stored):
            sentence = f"{here} If these are another seller's numbers, enter a prefix for this file."
        elif stored.header_hash not in (None, self._header_hash):
            self.result.other_reports.add(stored.file_name)
            sentence = f"{here} That is another report of the same orders. Import each order from one report only."
        else:
            sentence = (
                f"{here} If the seller changed this sale, void it here and import it with the voided sales. If it is "
                "another seller's number, enter a prefix for this file."
            )
        self.result.other_sales[record.values["external_sale_id"]] = sentence

    def _compare_status(self, pair: _Pair) -> None:
        stored, record = pair.stored, pair.record
        status = record.values.get("payment_status")
        if "parts" in record.values and record.values.get("total_amount") != stored.total:
            self.result.unreachable[stored.external_sale_id] = (
                f"A part of {stored.external_sale_id} is not {status} in the file, and all of it is "
                f"{stored.payment_status} here, and stays so. {_TAKE_OVER}"
            )
        elif status in (None, stored.imported_status, stored.payment_status):
            return
        elif steps := status_changes.find_steps(stored.payment_status, status):
            self.result.changes[stored.external_sale_id] = StatusChange(
                record.row, stored.external_sale_id, stored.id, stored.order_id, stored.package_id, stored.quantity,
                stored.total, stored.payment_status, status, steps,
            )  # fmt: skip
        else:
            self.result.unreachable[stored.external_sale_id] = (
                f"{stored.external_sale_id} is {status} in the file and {stored.payment_status} here, and stays so. "
                f"{_TAKE_OVER}"
            )


def _has_other_buyer(record: Record, stored: Row[Any]) -> bool:
    email = record.values.get("purchaser_email")
    return email is not None and email_key(email) != stored.imported_email_key


def _have_same_sum(pairs: Sequence[_Pair], lines: Sequence[Row[Any]]) -> bool:
    """Return whether the rows of these sales add up to the same total as the stored lines.

    How an order's total is split over its lines follows the prices here, which may have changed.
    """
    amounts: list[Decimal | None] = []
    for pair in pairs:
        amounts += [pair.record.values.get("total_amount"), *pair.record.values.get("parts", ())]
    known = [amount for amount in amounts if amount is not None]
    return len(known) == len(amounts) and sum(known, money.ZERO) == sum((line.total for line in lines), money.ZERO)
