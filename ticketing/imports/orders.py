"""Rows that are the seats or items of an order, made into purchases, one for each order and package.

The rules, and how a purchase gets an id by which it is known again whatever else is in the next file: docs/decisions/
0010. No database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ticketing.imports.rows import BLANK, MOST_PACKAGES, MOST_USD, Known, Record
from ticketing.models import COUNTING_STATUSES, Package
from ticketing.validation import name_key

LONGEST_ID = 200
_SUMMED = {"quantity": MOST_PACKAGES, "total_amount": MOST_USD, "discount_amount": MOST_USD, "fee_amount": MOST_USD}
# Whichever row of an order or a purchase says it first; many programs write it on the first row only.
_OF_THE_ORDER = ("purchaser_name", "purchaser_email", "purchaser_phone", "purchase_date")
_OF_THE_PURCHASE = ("promo_code", "notes")


def possible_ids(records: Iterable[Record], packages: Mapping[str, Package]) -> set[str]:
    """Every id under which a purchase of these rows may be in the event already."""
    ids: set[str] = set()
    for record in records:
        order, package = _order(record), _package(record, packages)
        if order is not None:
            ids.add(order)
            if package is not None:
                ids.add(_own_id(order, package))
    return ids


def combined(records: Sequence[Record], known: Known) -> list[Record]:
    """One record for each order and package, at its first row.

    What is wrong with a later row stays where it is, as a record of nothing but that; a row that the purchase does
    without says so.
    """
    groups: dict[Any, list[Record]] = defaultdict(list)
    names_of: dict[str, set[str]] = defaultdict(set)
    orders: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        order, name = _order(record), record.values.get("ticket_type")
        if order is None or name is None:
            record.values.pop("external_sale_id", None)
            groups[record.row] = [record]
        else:
            groups[order, name_key(name)].append(record)
            names_of[order].add(name_key(name))
            orders[order].append(record)
    for rows in orders.values():
        _say_first(rows, _OF_THE_ORDER)
    made: list[Record] = []
    for rows in groups.values():
        standing = _standing(rows)
        merged = _merged(standing)
        if order := _order(merged):
            _give_id(merged, order, known, is_alone=len(names_of[order]) == 1)
        made.append(merged)
        if _order(merged) not in known.external_sale_ids:
            made += [Record(row.row, {}, row.wrong) for row in standing[1:] if row.wrong]
            kept = {row.row for row in standing}
            made += [_left_out(row) for row in rows if row.row not in kept]
    return sorted(made, key=lambda record: record.row)


def _order(record: Record) -> str | None:
    return record.values.get("external_sale_id")


def _package(record: Record, packages: Mapping[str, Package]) -> Package | None:
    return packages.get(name_key(record.values.get("ticket_type", "")))


def _own_id(order: str, package: Package) -> str:
    """An id of the order's purchase of this package that depends on nothing else, not even the package's name."""
    return f"{order}/{package.id.hex[-8:]}"


def _give_id(record: Record, order: str, known: Known, *, is_alone: bool) -> None:
    """The id it has here already; else the order's own when nothing else has it; else one of order and package."""
    package = _package(record, known.packages)
    if package is None:
        record.values["external_sale_id"] = order if is_alone else f"{order}/{name_key(record.values['ticket_type'])}"
        return
    own = _own_id(order, package)
    if known.external_sale_ids.get(order) == package.id:
        record.values["external_sale_id"] = order
    elif own in known.external_sale_ids or not is_alone or order in known.external_sale_ids:
        record.values["external_sale_id"] = own
    if len(record.values["external_sale_id"]) > LONGEST_ID:
        record.wrong["external_sale_id"] = f"Use at most {LONGEST_ID - 9} characters for an order of several packages."


def _standing(rows: list[Record]) -> list[Record]:
    """The rows that the purchase is made of: seats that were given back are left out while others of it stand."""
    standing = [
        row for row in rows if row.values.get("payment_status") in COUNTING_STATUSES or "payment_status" in row.wrong
    ]
    if standing:
        return standing
    for row in rows:
        row.values["payment_status"] = rows[0].values["payment_status"]
    return rows


def _left_out(row: Record) -> Record:
    said = f"This row is {row.values['payment_status']} while others of {_order(row)} stand. It is left out."
    return Record(row.row, {}, {}, said)


def _merged(rows: list[Record]) -> Record:
    first, *others = rows
    if not others:
        return first
    _must_agree(rows)
    _say_first(rows, _OF_THE_PURCHASE)
    values = dict(first.values)
    for column, most in _SUMMED.items():
        given = [row.values[column] for row in rows if column in row.values]
        if given and not any(column in row.wrong for row in rows):
            values[column] = sum(given[1:], given[0])
            if values[column] > most:
                first.wrong[column] = f"The rows of this purchase add up to {values.pop(column):,}; it can be {most:,}."
    values["guests"] = _guests(rows)
    return Record(first.row, values, first.wrong)


def _say_first(rows: list[Record], columns: Iterable[str]) -> None:
    """Lets every row that is silent say what another of them says first."""
    for column in columns:
        said = next((row.values[column] for row in rows if row.values.get(column) is not None), None)
        if said is not None:
            for row in rows:
                row.values.setdefault(column, said)
                if row.wrong.get(column) == BLANK:
                    del row.wrong[column]


def _must_agree(rows: list[Record]) -> None:
    """A purchase has one status and at most one promo code."""
    for column, what in (("payment_status", "status"), ("promo_code", "promo code")):
        said = [row for row in rows if row.values.get(column) is not None]
        for row in said[1:]:
            if str(row.values[column]).casefold() != str(said[0].values[column]).casefold():
                row.wrong[column] = (
                    f"Row {said[0].row} belongs to the same purchase and has {said[0].values[column]}. "
                    f"A purchase has one {what}."
                )


def _guests(rows: list[Record]) -> tuple[tuple[int, str, str | None], ...]:
    guests: list[tuple[int, str, str | None]] = []
    before = 0
    for row in rows:
        guests += [(before + at, name, email) for at, name, email in row.values.get("guests", ())]
        before += row.values.get("quantity", 1)
    return tuple(guests)
