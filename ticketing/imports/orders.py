"""Combine rows that are the seats or items of an order into purchases, one for each order and package. No database.

The rules, and the ids that stay the same whatever else is in the next file: docs/decisions/0010.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ticketing.imports.rows import BLANK_MESSAGE, MAX_QUANTITY, MAX_USD, ExistingData, Record
from ticketing.models import SOLD_STATUSES, Package
from ticketing.validation import name_key

MAX_ID_LENGTH = 200
_SUM_LIMITS = {"quantity": MAX_QUANTITY, "total_amount": MAX_USD, "discount_amount": MAX_USD, "fee_amount": MAX_USD}
# Many programs fill these in the first row of an order or purchase only, so they hold for its other rows too.
_ORDER_COLUMNS = ("purchaser_name", "purchaser_email", "purchaser_phone", "purchase_date")
_PURCHASE_COLUMNS = ("promo_code", "notes")


def collect_possible_ids(records: Iterable[Record], packages: Mapping[str, Package]) -> set[str]:
    """Return every id under which a purchase of these rows may already be stored."""
    ids: set[str] = set()
    for record in records:
        order, package = _find_order_id(record), _find_package(record, packages)
        if order is not None:
            ids.add(order)
            if package is not None:
                ids.add(_build_purchase_id(order, package))
    return ids


def combine(records: Sequence[Record], existing: ExistingData) -> list[Record]:
    """Return one record for each order and package, at its first row.

    The problems of a later row stay at that row, in a record without values; a row that is not part of the purchase
    becomes a record with an exclusion reason.
    """
    groups: dict[Any, list[Record]] = defaultdict(list)
    packages_of: dict[str, set[str]] = defaultdict(set)
    rows_of: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        order, name = _find_order_id(record), record.values.get("ticket_type")
        if order is None or name is None:
            record.values.pop("external_sale_id", None)
            groups[record.row] = [record]
        else:
            groups[order, name_key(name)].append(record)
            packages_of[order].add(name_key(name))
            rows_of[order].append(record)
    for rows in rows_of.values():
        _fill_missing_values(rows, _ORDER_COLUMNS)
    combined: list[Record] = []
    for rows in groups.values():
        active = _select_active_rows(rows)
        purchase = _combine_rows(active)
        if order := _find_order_id(purchase):
            _assign_id(purchase, order, existing, is_only_package=len(packages_of[order]) == 1)
        combined.append(purchase)
        if _find_order_id(purchase) not in existing.external_sale_ids:
            combined += [Record(row.row, {}, row.problems) for row in active[1:] if row.problems]
            active_numbers = {row.row for row in active}
            combined += [_create_excluded_record(row) for row in rows if row.row not in active_numbers]
    return sorted(combined, key=lambda record: record.row)


def _find_order_id(record: Record) -> str | None:
    return record.values.get("external_sale_id")


def _find_package(record: Record, packages: Mapping[str, Package]) -> Package | None:
    return packages.get(name_key(record.values.get("ticket_type", "")))


def _build_purchase_id(order: str, package: Package) -> str:
    """Return an id that depends on order and package only, not on the package's name or other rows."""
    return f"{order}/{package.id.hex[-8:]}"


def _assign_id(record: Record, order: str, existing: ExistingData, *, is_only_package: bool) -> None:
    """Set the id under which it is stored, else the order's own if that is free, else one of order and package."""
    package = _find_package(record, existing.packages)
    if package is None:
        record.values["external_sale_id"] = (
            order if is_only_package else f"{order}/{name_key(record.values['ticket_type'])}"
        )
        return
    purchase_id = _build_purchase_id(order, package)
    if existing.external_sale_ids.get(order) == package.id:
        record.values["external_sale_id"] = order
    elif purchase_id in existing.external_sale_ids or not is_only_package or order in existing.external_sale_ids:
        record.values["external_sale_id"] = purchase_id
    if len(record.values["external_sale_id"]) > MAX_ID_LENGTH:
        record.problems["external_sale_id"] = (
            f"Use at most {MAX_ID_LENGTH - 9} characters for an order of several packages."
        )


def _select_active_rows(rows: list[Record]) -> list[Record]:
    """Return the rows that make up the purchase: refunded and failed seats are left out unless all of them are."""
    active = [
        row for row in rows if row.values.get("payment_status") in SOLD_STATUSES or "payment_status" in row.problems
    ]
    if active:
        return active
    for row in rows:
        row.values["payment_status"] = rows[0].values["payment_status"]
    return rows


def _create_excluded_record(row: Record) -> Record:
    status, order = row.values["payment_status"], _find_order_id(row)
    return Record(row.row, {}, {}, f"This row is {status} and other rows of {order} are not. It is left out.")


def _combine_rows(rows: list[Record]) -> Record:
    first, *others = rows
    if not others:
        return first
    _validate_agreement(rows)
    _fill_missing_values(rows, _PURCHASE_COLUMNS)
    values = dict(first.values)
    for column, limit in _SUM_LIMITS.items():
        parts = [row.values[column] for row in rows if column in row.values]
        if parts and not any(column in row.problems for row in rows):
            total = sum(parts[1:], parts[0])
            if total <= limit:
                values[column] = total
            else:
                values.pop(column, None)
                first.problems[column] = f"The rows of this purchase add up to {total:,}; the limit is {limit:,}."
    values["guests"] = _combine_guests(rows)
    return Record(first.row, values, first.problems)


def _fill_missing_values(rows: list[Record], columns: Iterable[str]) -> None:
    """Fill empty cells with the first value that another of the rows has."""
    for column in columns:
        value = next((row.values[column] for row in rows if row.values.get(column) is not None), None)
        if value is not None:
            for row in rows:
                row.values.setdefault(column, value)
                if row.problems.get(column) == BLANK_MESSAGE:
                    del row.problems[column]


def _validate_agreement(rows: list[Record]) -> None:
    """Report rows that differ from the first one: a purchase has one status and at most one promo code."""
    for column, label in (("payment_status", "status"), ("promo_code", "promo code")):
        filled = [row for row in rows if row.values.get(column) is not None]
        for row in filled[1:]:
            first_value = filled[0].values[column]
            if str(row.values[column]).casefold() != str(first_value).casefold():
                row.problems[column] = (
                    f"Row {filled[0].row} belongs to the same purchase and has {first_value}. "
                    f"A purchase has one {label}."
                )


def _combine_guests(rows: list[Record]) -> tuple[tuple[int, str, str | None], ...]:
    guests: list[tuple[int, str, str | None]] = []
    packages_before = 0
    for row in rows:
        guests += [(packages_before + offset, name, email) for offset, name, email in row.values.get("guests", ())]
        packages_before += row.values.get("quantity", 1)
    return tuple(guests)
