"""Rows that are the seats or items of an order, made into purchases, one for each order and package.

The rules, and how a purchase gets an id by which it is known again whatever else is in the next file: docs/decisions/
0010. No database.
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
# Whichever row of an order or a purchase says it first; many programs write it on the first row only.
_ORDER_COLUMNS = ("purchaser_name", "purchaser_email", "purchaser_phone", "purchase_date")
_PURCHASE_COLUMNS = ("promo_code", "notes")


def collect_possible_ids(records: Iterable[Record], packages: Mapping[str, Package]) -> set[str]:
    """Every id under which a purchase of these rows may be in the event already."""
    ids: set[str] = set()
    for record in records:
        order, package = _find_order_id(record), _find_package(record, packages)
        if order is not None:
            ids.add(order)
            if package is not None:
                ids.add(_build_purchase_id(order, package))
    return ids


def combine(records: Sequence[Record], existing: ExistingData) -> list[Record]:
    """One record for each order and package, at its first row.

    What is wrong with a later row stays where it is, as a record of nothing but that; a row that the purchase does
    without says so.
    """
    groups: dict[Any, list[Record]] = defaultdict(list)
    names_of: dict[str, set[str]] = defaultdict(set)
    orders: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        order, name = _find_order_id(record), record.values.get("ticket_type")
        if order is None or name is None:
            record.values.pop("external_sale_id", None)
            groups[record.row] = [record]
        else:
            groups[order, name_key(name)].append(record)
            names_of[order].add(name_key(name))
            orders[order].append(record)
    for rows in orders.values():
        _fill_missing_values(rows, _ORDER_COLUMNS)
    made: list[Record] = []
    for rows in groups.values():
        standing = _select_active_rows(rows)
        merged = _combine_rows(standing)
        if order := _find_order_id(merged):
            _assign_id(merged, order, existing, is_only_package=len(names_of[order]) == 1)
        made.append(merged)
        if _find_order_id(merged) not in existing.external_sale_ids:
            made += [Record(row.row, {}, row.wrong) for row in standing[1:] if row.wrong]
            kept = {row.row for row in standing}
            made += [_create_excluded_record(row) for row in rows if row.row not in kept]
    return sorted(made, key=lambda record: record.row)


def _find_order_id(record: Record) -> str | None:
    return record.values.get("external_sale_id")


def _find_package(record: Record, packages: Mapping[str, Package]) -> Package | None:
    return packages.get(name_key(record.values.get("ticket_type", "")))


def _build_purchase_id(order: str, package: Package) -> str:
    """An id of the order's purchase of this package that depends on nothing else, not even the package's name."""
    return f"{order}/{package.id.hex[-8:]}"


def _assign_id(record: Record, order: str, existing: ExistingData, *, is_only_package: bool) -> None:
    """The id it has here already; else the order's own when nothing else has it; else one of order and package."""
    package = _find_package(record, existing.packages)
    if package is None:
        record.values["external_sale_id"] = (
            order if is_only_package else f"{order}/{name_key(record.values['ticket_type'])}"
        )
        return
    own = _build_purchase_id(order, package)
    if existing.external_sale_ids.get(order) == package.id:
        record.values["external_sale_id"] = order
    elif own in existing.external_sale_ids or not is_only_package or order in existing.external_sale_ids:
        record.values["external_sale_id"] = own
    if len(record.values["external_sale_id"]) > MAX_ID_LENGTH:
        record.wrong["external_sale_id"] = (
            f"Use at most {MAX_ID_LENGTH - 9} characters for an order of several packages."
        )


def _select_active_rows(rows: list[Record]) -> list[Record]:
    """The rows that the purchase is made of: seats that were given back are left out while others of it stand."""
    standing = [
        row for row in rows if row.values.get("payment_status") in SOLD_STATUSES or "payment_status" in row.wrong
    ]
    if standing:
        return standing
    for row in rows:
        row.values["payment_status"] = rows[0].values["payment_status"]
    return rows


def _create_excluded_record(row: Record) -> Record:
    said = f"This row is {row.values['payment_status']} while others of {_find_order_id(row)} stand. It is left out."
    return Record(row.row, {}, {}, said)


def _combine_rows(rows: list[Record]) -> Record:
    first, *others = rows
    if not others:
        return first
    _validate_agreement(rows)
    _fill_missing_values(rows, _PURCHASE_COLUMNS)
    values = dict(first.values)
    for column, most in _SUM_LIMITS.items():
        given = [row.values[column] for row in rows if column in row.values]
        if given and not any(column in row.wrong for row in rows):
            values[column] = sum(given[1:], given[0])
            if values[column] > most:
                first.wrong[column] = f"The rows of this purchase add up to {values.pop(column):,}; it can be {most:,}."
    values["guests"] = _combine_guests(rows)
    return Record(first.row, values, first.wrong)


def _fill_missing_values(rows: list[Record], columns: Iterable[str]) -> None:
    """Lets every row that is silent say what another of them says first."""
    for column in columns:
        said = next((row.values[column] for row in rows if row.values.get(column) is not None), None)
        if said is not None:
            for row in rows:
                row.values.setdefault(column, said)
                if row.wrong.get(column) == BLANK_MESSAGE:
                    del row.wrong[column]


def _validate_agreement(rows: list[Record]) -> None:
    """A purchase has one status and at most one promo code."""
    for column, what in (("payment_status", "status"), ("promo_code", "promo code")):
        said = [row for row in rows if row.values.get(column) is not None]
        for row in said[1:]:
            if str(row.values[column]).casefold() != str(said[0].values[column]).casefold():
                row.wrong[column] = (
                    f"Row {said[0].row} belongs to the same purchase and has {said[0].values[column]}. "
                    f"A purchase has one {what}."
                )


def _combine_guests(rows: list[Record]) -> tuple[tuple[int, str, str | None], ...]:
    guests: list[tuple[int, str, str | None]] = []
    before = 0
    for row in rows:
        guests += [(before + at, name, email) for at, name, email in row.values.get("guests", ())]
        before += row.values.get("quantity", 1)
    return tuple(guests)
