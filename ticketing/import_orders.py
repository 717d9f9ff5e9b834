"""Rows that are the seats or items of an order, made into purchases, one for each order and package.

The rules, and how a purchase gets an id by which it is known again whatever else is in the next file: docs/decisions/
0010. No database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ticketing.fields import name_key
from ticketing.import_rows import Known, Record
from ticketing.models import COUNTING_STATUSES, Package

LONGEST_ID = 200
_SUMMED = ("quantity", "total_amount", "discount_amount", "fee_amount")
# Whichever row of a purchase says it; many programs write it on the first only.
_SAID_ONCE = ("purchaser_name", "purchaser_email", "purchaser_phone", "purchase_date", "promo_code", "notes")


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
    for record in records:
        order, name = _order(record), record.values.get("ticket_type")
        if order is None or name is None:
            record.values.pop("external_sale_id", None)
            groups[record.row] = [record]
        else:
            groups[order, name_key(name)].append(record)
            names_of[order].add(name_key(name))
    made: list[Record] = []
    for rows in groups.values():
        standing = [row for row in rows if _stands(row)] or rows
        if len(standing) < len(rows):
            made += [_left_out(row) for row in rows if not _stands(row)]
        merged = _merged(standing)
        if order := _order(merged):
            _give_id(merged, order, known, is_alone=len(names_of[order]) == 1)
        made += [merged, *(Record(row.row, {}, row.wrong) for row in standing[1:] if row.wrong)]
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


def _stands(row: Record) -> bool:
    """Seats that were given back are left out of a purchase while others of it stand."""
    return row.values.get("payment_status") in COUNTING_STATUSES or "payment_status" in row.wrong


def _left_out(row: Record) -> Record:
    said = f"This row is {row.values['payment_status']} while others of {_order(row)} stand. It is left out."
    return Record(row.row, {}, {}, said)


def _merged(rows: list[Record]) -> Record:
    first, *others = rows
    if not others:
        return first
    values = dict(first.values)
    for column in _SUMMED:
        given = [row.values[column] for row in rows if column in row.values]
        if given and not any(column in row.wrong for row in rows):
            values[column] = sum(given[1:], given[0])
    for column in _SAID_ONCE:
        given = [row.values[column] for row in rows if row.values.get(column) is not None]
        if given:
            values[column] = given[0]
            for row in rows:
                row.wrong.pop(column, None)
    _must_agree(rows)
    values["guests"] = _guests(rows)
    return Record(first.row, values, first.wrong)


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
